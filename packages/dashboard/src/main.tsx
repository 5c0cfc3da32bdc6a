import { render } from 'preact'
import { epoch, read, start } from './api.ts'
import { Events } from './events/events.tsx'
import { Health } from './health/health.tsx'
import { connect, connection } from './live.ts'
import { Overview } from './overview/overview.tsx'
import { Confirm, notice } from './parts/confirm.tsx'
import { linkTo, route } from './route.ts'
import { Session } from './session/session.tsx'
import { Sessions } from './sessions/sessions.tsx'
import { User } from './users/user.tsx'
import { Users } from './users/users.tsx'
import type { Start } from '../../sessile/src/monitor/api-types.ts'
import './styles.css'

/** What stands in the bar, and under which of its entries the other views belong. */
const VIEWS: readonly { view: string; name: string; under: readonly string[]; ofWatching?: boolean }[] = [
  { view: 'overview', name: 'Overview', under: [] },
  { view: 'sessions', name: 'Sessions', under: ['session'] },
  { view: 'users', name: 'Users', under: ['user'] },
  { view: 'events', name: 'Events', under: [], ofWatching: true },
  { view: 'health', name: 'Store', under: [] }
]

const CONNECTION = { connecting: 'Connecting', live: 'Live', away: 'Reconnecting', ended: 'Ended' } as const

function View() {
  const { view, id } = route.value
  if (view === 'sessions') return <Sessions />
  if (view === 'session') return <Session handle={id} key={id} />
  if (view === 'users') return <Users />
  if (view === 'user') return <User userId={id} key={id} />
  if (view === 'events' && start.value?.watched === true) return <Events />
  if (view === 'health') return <Health />
  return <Overview />
}

function App() {
  const { view } = route.value
  const state = connection.value
  // where nothing is watched there are no events
  const views = VIEWS.filter(({ ofWatching }) => !ofWatching || start.value?.watched === true)
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.querySelector('h1')?.focus())}>
        To the content
      </a>
      <header class="bar">
        <span class="title">{start.value?.title ?? 'Sessions'}</span>
        <nav aria-label="Views">
          {views.map(({ view: one, name, under }) => (
            <a key={one} href={linkTo(one)} aria-current={one === view || under.includes(view) ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        {start.value?.appPath !== undefined && (
          <a class="back" href={start.value.appPath}>
            Back to the app
          </a>
        )}
        <span class={`state ${state}`} role="status">
          {CONNECTION[state]}
        </span>
      </header>
      <main id="main">
        {state === 'ended' && (
          <p class="wrong" role="alert">
            Your session has ended. <a href="">Sign in again</a>
          </p>
        )}
        <View />
      </main>
      <div class="notice" role="status" aria-live="polite">
        {notice.value}
      </div>
      <Confirm />
    </>
  )
}

async function begin(): Promise<void> {
  const place = document.getElementById('app')!
  try {
    start.value = await read<Start>('start')
    document.title = start.value.title
    place.textContent = ''
    render(<App />, place)
    connect()
    // what was missed while the page slept comes by itself, and what is loaded is loaded anew
    addEventListener('pageshow', ({ persisted }) => persisted && (epoch.value += 1))
  } catch (error) {
    place.textContent = `The dashboard could not be loaded: ${(error as Error).message}`
  }
}

void begin()

import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { SessionOrder, SessionsPage } from '../../../sessile/src/monitor/api-types.ts'
import { start, useLoaded } from '../api.ts'
import { isAttended } from '../attended.ts'
import { count } from '../format.ts'
import { latest } from '../live.ts'
import { ask } from '../parts/confirm.tsx'
import { SessionTable } from '../parts/session-table.tsx'
import { State } from '../parts/state.tsx'
import { linkTo, route } from '../route.ts'

const ORDERS: Readonly<Record<SessionOrder, string>> = { seen: 'Seen last', new: 'Newest', stored: 'All, as stored' }
const RELOAD_MS = 3000

export function Sessions() {
  const { query } = route.value
  const q = query.get('q') ?? ''
  const cursor = query.get('cursor') ?? ''
  const order = (query.get('order') ?? '') as SessionOrder | ''
  const search = new URLSearchParams({ ...(q ? { q } : {}), ...(cursor ? { cursor } : {}), ...(order ? { order } : {}) })
  const loaded = useLoaded<SessionsPage>(`sessions?${search.toString()}`, true)
  const { data } = loaded
  const field = useRef<HTMLInputElement>(null)
  const paused = useSignal(false)
  const newest = latest.value[0]?.seq

  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      if (event.key !== '/' || event.target instanceof HTMLInputElement) return
      event.preventDefault()
      field.current?.focus()
    }
    addEventListener('keydown', focus)
    return () => removeEventListener('keydown', focus)
  }, [])
  // the first page follows what happens; a row under somebody's hands stays where it is
  useEffect(() => {
    if (newest === undefined || cursor !== '' || paused.value) return undefined
    const timer = setTimeout(() => isAttended() && loaded.reload(), RELOAD_MS)
    return () => clearTimeout(timer)
  }, [newest, cursor])

  function find(event: SubmitEvent): void {
    event.preventDefault()
    location.hash = linkTo('sessions', undefined, { q: field.current!.value.trim(), order })
  }

  return (
    <>
      <header class="head">
        <h1 tabIndex={-1}>Sessions</h1>
        <details class="menu">
          <summary>End many …</summary>
          <div onClick={({ currentTarget }) => currentTarget.parentElement!.removeAttribute('open')}>
            {start.value?.handle !== undefined && (
              <button
                type="button"
                onClick={() =>
                  ask({
                    action: { action: 'end-others' },
                    title: 'End all sessions but yours?',
                    text: 'Everybody else, visitors included, is signed out and loses what only their session held.',
                    button: 'End all others'
                  })
                }
              >
                All but mine
              </button>
            )}
            <button
              type="button"
              onClick={() =>
                ask({
                  action: { action: 'end-everybody' },
                  title: 'End everybody’s sessions?',
                  text: `All are signed out at once${start.value?.handle === undefined ? '' : ', you too'}, and visitors lose what only their session held.`,
                  button: 'End everybody’s'
                })
              }
            >
              {start.value?.handle === undefined ? 'Everybody’s' : 'Everybody’s, mine too'}
            </button>
          </div>
        </details>
      </header>
      <form class="find" role="search" onSubmit={find}>
        <label for="q">User or handle</label>
        <input
          ref={field}
          id="q"
          type="search"
          defaultValue={q}
          key={q}
          placeholder="42, or a handle"
          autocomplete="off"
          spellcheck={false}
        />
        <button type="submit">Find</button>
        {data && data.orders.length > 1 && !q && (
          <fieldset class="choice">
            <legend class="hidden">Order</legend>
            {data.orders.map((one) => (
              <a key={one} href={linkTo('sessions', undefined, { order: one })} aria-current={one === data.order ? 'true' : undefined}>
                {ORDERS[one]}
              </a>
            ))}
          </fieldset>
        )}
      </form>
      <State of={loaded} />
      {data && (
        <div aria-busy={loaded.loading} onMouseEnter={() => (paused.value = true)} onMouseLeave={() => (paused.value = false)}>
          {data.sessions.length > 0 && <SessionTable rows={data.sessions} label="Sessions" />}
          {data.sessions.length === 0 && <p class="quiet">{q ? 'No session of that user or handle lives.' : 'No session yet.'}</p>}
          <nav class="pages" aria-label="Pages of the list">
            {cursor !== '' && <a href={linkTo('sessions', undefined, { order, q })}>First page</a>}
            <span class="quiet" aria-live="polite">
              {count(data.sessions.length)} shown
            </span>
            {data.next !== undefined && (
              <a href={linkTo('sessions', undefined, { order: data.order, cursor: data.next })} id="next">
                Next page
              </a>
            )}
          </nav>
        </div>
      )}
    </>
  )
}

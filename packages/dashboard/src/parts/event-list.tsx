import type { NumberedEvent } from '../../../sessile/src/monitor/api-types.ts'
import { start } from '../api.ts'
import { short, words } from '../format.ts'
import { linkTo } from '../route.ts'
import { Time } from './time.tsx'

const TONES: Readonly<Record<string, string>> = {
  'signed-in': 'good',
  created: 'good',
  revoked: 'bad',
  refused: 'warn',
  admin: 'bad',
  'store-error': 'bad',
  'retired-id': 'warn',
  'late-write': 'warn',
  'unreadable-record': 'warn'
}

/** What happened, the latest first. */
export function EventList({ events, empty, handles = true }: { events: readonly NumberedEvent[]; empty: string; handles?: boolean }) {
  if (events.length === 0) return <p class="quiet">{empty}</p>
  return (
    <ol class="events">
      {events.map(({ seq, at, event, detail, handle, userId, by, node }) => (
        <li key={seq}>
          <span class={`dot ${TONES[event] ?? ''}`} />
          <span class="what">
            {start.value?.eventNames[event] ?? words(event)}
            {detail !== undefined && <span class="quiet"> {words(detail)}</span>}
          </span>
          <span class="who">
            {userId !== undefined && <a href={linkTo('user', userId)}>User {userId}</a>}
            {handles && handle !== undefined && (
              <a class="handle" href={linkTo('session', handle)}>
                {short(handle)}
              </a>
            )}
            {by !== undefined && <span class="quiet">by user {by}</span>}
          </span>
          <span class="when quiet" title={node === undefined ? undefined : `told by ${node}`}>
            <Time at={at} />
          </span>
        </li>
      ))}
    </ol>
  )
}

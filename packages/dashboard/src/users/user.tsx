import type { UserDetail } from '../../../sessile/src/monitor/api-types.ts'
import { start, useLoaded } from '../api.ts'
import { count } from '../format.ts'
import { ask } from '../parts/confirm.tsx'
import { EventList } from '../parts/event-list.tsx'
import { SessionTable } from '../parts/session-table.tsx'
import { State } from '../parts/state.tsx'

/** One user: where he is signed in, and what happened. */
export function User({ userId }: { userId: string }) {
  const loaded = useLoaded<UserDetail>(`user?user=${encodeURIComponent(userId)}`)
  const { data } = loaded
  return (
    <>
      <header class="head">
        <h1 tabIndex={-1}>User {userId}</h1>
        {data && data.sessions.length > 0 && (
          <button
            type="button"
            class="danger"
            onClick={() =>
              ask({
                action: { action: 'end-user', userId },
                title: `End all sessions of user ${userId}?`,
                text: `${count(data.sessions.length)} ${data.sessions.length === 1 ? 'session is' : 'sessions are'} ended at once, a sign-in that is under way included.`,
                button: 'End all'
              })
            }
          >
            End all sessions
          </button>
        )}
      </header>
      <State of={loaded} />
      {data && (
        <>
          {data.sessions.length > 0 ? (
            <SessionTable rows={data.sessions} label={`Sessions of user ${userId}`} users={false} />
          ) : (
            <p class="quiet">No session lives.</p>
          )}
          {start.value?.watched === true && (
            <section class="card">
              <h2>What happened</h2>
              <EventList events={data.timeline} empty="Nothing among the latest events." />
            </section>
          )}
        </>
      )}
    </>
  )
}

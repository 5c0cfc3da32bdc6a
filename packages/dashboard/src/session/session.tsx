import type { SessionDetail } from '../../../sessile/src/monitor/api-types.ts'
import { ApiError, start, useLoaded } from '../api.ts'
import { bytes, count } from '../format.ts'
import { EventList } from '../parts/event-list.tsx'
import { ask } from '../parts/confirm.tsx'
import { askToEnd, SessionTable } from '../parts/session-table.tsx'
import { State } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { linkTo } from '../route.ts'

/** One session: what is known of it, what it holds by name, what happened to it. */
export function Session({ handle }: { handle: string }) {
  const loaded = useLoaded<SessionDetail>(`session?handle=${encodeURIComponent(handle)}`)
  const { data, error } = loaded
  if (error instanceof ApiError && error.status === 404) {
    return (
      <>
        <h1 tabIndex={-1}>Session</h1>
        <p>It has ended, or there never was one of that handle.</p>
        <p>
          <a href={linkTo('sessions')}>All sessions</a>
        </p>
      </>
    )
  }
  const session = data?.session
  const watched = start.value?.watched === true
  return (
    <>
      <header class="head">
        <h1 tabIndex={-1}>Session {session?.current && <span class="badge">This one</span>}</h1>
        {session && (
          <span class="buttons">
            <button
              type="button"
              onClick={() =>
                ask({
                  action: { action: 'extend', handle },
                  title: 'Extend this session?',
                  text: 'It lives longer though nobody uses it, but never past the end that it has in any case.',
                  button: 'Extend'
                })
              }
            >
              Extend
            </button>
            {session.userId !== undefined && (
              <button
                type="button"
                onClick={() =>
                  ask({
                    action: { action: 'ask-to-confirm', handle },
                    title: 'Ask its user to confirm?',
                    text: `User ${session.userId} stays signed in, and has to prove once more who he is before anything that asks for it.`,
                    button: 'Ask to confirm'
                  })
                }
              >
                Ask to confirm
              </button>
            )}
            <button type="button" class="danger" onClick={() => askToEnd(session, () => void (location.hash = linkTo('sessions')))}>
              End session
            </button>
          </span>
        )}
      </header>
      <State of={loaded} />
      {data && session && (
        <>
          <p class="handle long">{session.handle}</p>
          <div class="grid two">
            <section class="card">
              <h2>What is known</h2>
              <dl class="facts">
                <dt>User</dt>
                <dd>{session.userId === undefined ? 'Guest' : <a href={linkTo('user', session.userId)}>{session.userId}</a>}</dd>
                {watched && (
                  <>
                    <dt>Device</dt>
                    <dd>{session.device}</dd>
                    <dt>Network</dt>
                    <dd>{session.address ?? 'not kept'}</dd>
                  </>
                )}
                <dt>Began</dt>
                <dd>
                  <Time at={session.createdAt} none="unknown" />
                </dd>
                <dt>Signed in</dt>
                <dd>
                  <Time at={session.signedInAt} none={session.userId === undefined ? 'never' : 'unknown'} />
                  {session.mustConfirm && <span class="badge">To be confirmed</span>}
                </dd>
                {watched && (
                  <>
                    <dt>Last seen</dt>
                    <dd>
                      <Time at={session.lastSeenAt} />
                    </dd>
                  </>
                )}
                <dt>Ends unless used</dt>
                <dd>
                  <Time at={session.idleExpiresAt} none="never" />
                </dd>
                <dt>Ends in any case</dt>
                <dd>
                  <Time at={session.absoluteExpiresAt} none="never" />
                </dd>
                {watched && (
                  <>
                    <dt>Pages</dt>
                    <dd>{count(session.pages)}</dd>
                    <dt>Version</dt>
                    <dd>{session.version === undefined ? 'unknown' : count(session.version)}</dd>
                    <dt>Conflicts</dt>
                    <dd>{count(session.conflicts)}</dd>
                  </>
                )}
                <dt>Size</dt>
                <dd>{bytes(session.size)}</dd>
              </dl>
            </section>
            <section class="card">
              <h2>What it holds</h2>
              {data.attributes.length === 0 && <p class="quiet">Nothing.</p>}
              <dl class="facts">
                {data.attributes.map(({ name, kind, value }) => (
                  <div key={name}>
                    <dt>
                      <code>{name}</code>
                    </dt>
                    <dd>{value === undefined ? <span class="quiet">{kind}</span> : <code>{value}</code>}</dd>
                  </div>
                ))}
              </dl>
              <p class="quiet small-print">Values are shown of attributes that the app allows, of others what kind they are.</p>
            </section>
          </div>
          {watched && (
            <section class="card">
              <h2>What happened</h2>
              <EventList events={data.timeline} empty="Nothing among the latest events." handles={false} />
            </section>
          )}
          {session.userId !== undefined && (
            <section>
              <h2 class="apart">The user's other sessions</h2>
              {data.others.length > 0 ? (
                <SessionTable rows={data.others} label="The user's other sessions" users={false} />
              ) : (
                <p class="quiet">None.</p>
              )}
            </section>
          )}
        </>
      )}
    </>
  )
}

import type { UsersPage } from '../../../sessile/src/monitor/api-types.ts'
import { start, useLoaded } from '../api.ts'
import { count } from '../format.ts'
import { State } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { linkTo } from '../route.ts'

/** Who is signed in. */
export function Users() {
  const loaded = useLoaded<UsersPage>('users')
  const { data } = loaded
  const watched = start.value?.watched === true
  return (
    <>
      <h1 tabIndex={-1}>Users</h1>
      <State of={loaded} />
      {data && (
        <>
          {data.users.length > 0 ? (
            <div class="scroll" role="region" aria-label="Users" tabIndex={0}>
              <table class="rows">
                <thead>
                  <tr>
                    <th scope="col">User</th>
                    <th scope="col" class="number">
                      Sessions
                    </th>
                    {watched && <th scope="col">Last seen</th>}
                  </tr>
                </thead>
                <tbody>
                  {data.users.map(({ userId, sessions, lastSeenAt }) => (
                    <tr key={userId}>
                      <th scope="row">
                        <a href={linkTo('user', userId)}>{userId}</a>
                      </th>
                      <td data-label="Sessions" class="number">
                        {count(sessions)}
                      </td>
                      {watched && (
                        <td data-label="Last seen">
                          <Time at={lastSeenAt} />
                        </td>
                      )}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <p class="quiet">Nobody is signed in.</p>
          )}
          <p class="quiet small-print">
            {data.complete
              ? `These are all that ${watched ? 'were seen in the last hour' : 'are stored'}.`
              : `Of ${count(data.lookedAt)} sessions${watched ? ' that were seen last' : ''}. Any other user is found under Sessions.`}
          </p>
        </>
      )}
    </>
  )
}

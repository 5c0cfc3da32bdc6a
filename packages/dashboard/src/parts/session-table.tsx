import type { SessionRow } from '../../../sessile/src/monitor/api-types.ts'
import { start } from '../api.ts'
import { bytes, count, short } from '../format.ts'
import { linkTo } from '../route.ts'
import { ask } from './confirm.tsx'
import { Time } from './time.tsx'

export function askToEnd({ handle, current, userId }: SessionRow, done?: () => void): void {
  ask({
    action: { action: 'end', handle },
    title: current ? 'End your own session?' : 'End this session?',
    text: `${userId === undefined ? 'The visitor' : `User ${userId}`} is signed out there at once, whatever is under way.`,
    button: 'End session',
    ...(done ? { done } : {})
  })
}

/** Sessions, one a row; on a phone one a card. What only watching knows has no column where nothing is watched. */
export function SessionTable({ rows, label, users = true }: { rows: readonly SessionRow[]; label: string; users?: boolean }) {
  const watched = start.value?.watched === true
  return (
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Session</th>
            {users && <th scope="col">User</th>}
            {watched && (
              <>
                <th scope="col">Device</th>
                <th scope="col">Network</th>
                <th scope="col">Last seen</th>
              </>
            )}
            <th scope="col">Signed in</th>
            <th scope="col">Ends unless used</th>
            {watched && (
              <>
                <th scope="col" class="number">
                  Pages
                </th>
                <th scope="col" class="number">
                  Version
                </th>
                <th scope="col" class="number">
                  Conflicts
                </th>
              </>
            )}
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.handle}>
              <th scope="row">
                <a href={linkTo('session', row.handle)} class="handle" title={row.handle}>
                  {short(row.handle)}
                </a>
                {row.current && <span class="badge">This one</span>}
              </th>
              {users && (
                <td data-label="User">
                  {row.userId === undefined ? <span class="quiet">Guest</span> : <a href={linkTo('user', row.userId)}>{row.userId}</a>}
                </td>
              )}
              {watched && (
                <>
                  <td data-label="Device">{row.device}</td>
                  <td data-label="Network">{row.address ?? <span class="quiet">–</span>}</td>
                  <td data-label="Last seen">
                    <Time at={row.lastSeenAt} />
                  </td>
                </>
              )}
              <td data-label="Signed in">
                <Time at={row.signedInAt} />
              </td>
              <td data-label="Ends">
                <Time at={row.idleExpiresAt} none="never" />
              </td>
              {watched && (
                <>
                  <td data-label="Pages" class="number">
                    {count(row.pages)}
                  </td>
                  <td data-label="Version" class="number">
                    {row.version === undefined ? '–' : count(row.version)}
                  </td>
                  <td data-label="Conflicts" class="number">
                    {count(row.conflicts)}
                  </td>
                </>
              )}
              <td data-label="Size" class="number">
                {bytes(row.size)}
              </td>
              <td>
                <button type="button" class="small" aria-label={`End session ${short(row.handle)}`} onClick={() => askToEnd(row)}>
                  End
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

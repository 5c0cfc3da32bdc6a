import type { Health as Data } from '../../../sessile/src/monitor/api-types.ts'
import { useLoaded } from '../api.ts'
import { bytes, count, ms, seconds } from '../format.ts'
import { health } from '../live.ts'
import { Bars } from '../parts/bars.tsx'
import { State } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'

/** How the store does, as the process that answers finds it. */
export function Health() {
  const loaded = useLoaded<Data>('health')
  const data = health.value ?? loaded.data
  return (
    <>
      <h1 tabIndex={-1}>Store</h1>
      {!data && <State of={loaded} />}
      {data && (
        <>
          <dl class="figures">
            <div class="card figure">
              <dt>{data.store}</dt>
              <dd>
                <b class={data.reachable ? 'good' : 'bad'}>{data.reachable ? 'Answers' : 'Down'}</b>
                <small>{data.reachable ? `in ${ms(data.ping)}` : 'it did not answer when it was asked just now'}</small>
              </dd>
            </div>
            <div class="card figure">
              <dt>Breaker</dt>
              <dd>
                <b class={data.breaker === 'closed' ? '' : 'bad'}>{data.breaker === 'closed' ? 'Closed' : 'Open'}</b>
                <small>
                  {data.breaker === 'closed' ? 'calls go to the store' : 'calls fail at once, and one a second tries whether it is back'}
                </small>
              </dd>
            </div>
            <Fact
              name="Saves"
              value={data.saves}
              about={`records written, ${count(data.retries)} tries done anew; ${count(data.skipped)} uses needed none`}
            />
            <Fact name="Errors" value={data.errors} about="calls that failed or were too late" />
            <Fact name="Conflicts" value={data.merged} about="met another's change; both were kept" />
            <Fact name="Late writes" value={data.lateWrites} about="dropped: the session had ended" />
            <div class="card figure">
              <dt>Sweeping</dt>
              <dd>
                <b>{data.sweeps?.leader ? 'Here' : data.sweeps ? 'Not here' : 'Not seen'}</b>
                <small>
                  {data.sweeps?.leader ? (
                    <>
                      {count(data.sweeps.removed)} removed, last <Time at={data.sweeps.at} />
                    </>
                  ) : data.sweeps ? (
                    'another process has the turn, or the first is to come'
                  ) : (
                    'an app removes what ran out by itself, unless it was told not to'
                  )}
                </small>
              </dd>
            </div>
          </dl>
          <Bars title="Sizes of records that were written" counts={sizesOf(data)} empty="None was written yet." names={(name) => name} />
          <section class="card">
            <h2>Calls</h2>
            {data.operations.length === 0 ? (
              <p class="quiet">None was measured yet.</p>
            ) : (
              <div class="scroll" role="region" aria-label="Calls" tabIndex={0}>
                <table class="rows flat">
                  <thead>
                    <tr>
                      <th scope="col">Call</th>
                      <th scope="col" class="number">
                        Measured
                      </th>
                      <th scope="col" class="number">
                        Half within
                      </th>
                      <th scope="col" class="number">
                        99 % within
                      </th>
                      <th scope="col" class="number">
                        Errors
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.operations.map(({ operation, calls, p50, p99, errors }) => (
                      <tr key={operation}>
                        <th scope="row">
                          <code>{operation}</code>
                        </th>
                        <td class="number">{count(calls)}</td>
                        <td class="number">{calls === 0 ? '–' : ms(p50)}</td>
                        <td class="number">{calls === 0 ? '–' : ms(p99)}</td>
                        <td class="number">{count(errors)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            <p class="quiet small-print">
              As process {data.node} finds it, since {seconds(data.sinceMs / 1000)}. Calls are measured while this page is open and one
              second in ten besides, the monitor's own among them.{' '}
              {data.dropped > 0 && `${count(data.dropped)} events were not kept: too many came at once.`}
            </p>
          </section>
        </>
      )}
    </>
  )
}

/** How many records by how large they are, all sizes up to the largest there was. */
function sizesOf({ sizes }: Data): Record<string, number> {
  const last = sizes.findLastIndex(({ records }) => records > 0)
  return Object.fromEntries(
    sizes
      .slice(0, last + 1)
      .map(({ upTo, records }, place) => [upTo === undefined ? `over ${bytes(sizes[place - 1]!.upTo!)}` : `up to ${bytes(upTo)}`, records])
  )
}

function Fact({ name, value, about }: { name: string; value: number; about: string }) {
  return (
    <div class="card figure">
      <dt>{name}</dt>
      <dd>
        <b>{count(value)}</b>
        <small>{about}</small>
      </dd>
    </div>
  )
}

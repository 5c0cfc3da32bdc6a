import type { Active, Analytics, EventsPage, Overview as Data, Point, Totals } from '../../../sessile/src/monitor/api-types.ts'
import { useLoaded } from '../api.ts'
import { count, counted, seconds, words } from '../format.ts'
import { isAttended } from '../attended.ts'
import { latest, live, points as told } from '../live.ts'
import { Bars } from '../parts/bars.tsx'
import { Chart } from '../parts/chart.tsx'
import { EventList } from '../parts/event-list.tsx'
import { State } from '../parts/state.tsx'
import { useEffect } from 'preact/hooks'

const RELOAD_MS = 30_000

/** The last hour: minutes that were over when it was loaded, then those that were told live since. */
function withTold({ points }: Analytics, since: readonly Point[]): Point[] {
  const minutes = new Map(points.map((point) => [point.at, point]))
  const present = points.at(-1)?.at ?? 0
  for (const point of since) {
    if (point.at < present) continue
    minutes.set(point.at, { ...point, active: Math.max(point.active, minutes.get(point.at)?.active ?? 0) })
  }
  return [...minutes.values()].slice(-60)
}

function Figure({ name, value, about, id }: { name: string; value: string; about: string; id?: string }) {
  return (
    <div class="card figure">
      <dt>{name}</dt>
      <dd>
        <b id={id}>{value}</b>
        <small>{about}</small>
      </dd>
    </div>
  )
}

const sum = ({ users, guests }: Active): number => users + guests

export function Overview() {
  const loaded = useLoaded<Data>('overview')
  const { data } = loaded
  const events = useLoaded<EventsPage>('events').data?.events ?? []
  const newest = events[0]?.seq ?? -1
  useEffect(() => {
    const timer = setInterval(() => isAttended() && loaded.reload(), RELOAD_MS)
    return () => clearInterval(timer)
  }, [])
  const now = live.value ?? data?.live
  const hour = data?.hour
  const totals = hour?.totals
  const points = hour ? withTold(hour, told.value) : []
  const times = points.map(({ at }) => at)
  const active5 = now && sum(now.active5)
  if (points.length > 0 && active5 !== undefined) points[points.length - 1] = { ...points.at(-1)!, active: active5 }

  return (
    <>
      <h1 tabIndex={-1}>Overview</h1>
      <State of={loaded} />
      {data && !now && (
        <p class="note">
          Sessions are shown as they are stored. Charts, events, devices and when each was last seen come with activity() in the app.
        </p>
      )}
      <dl class="figures">
        {now && (
          <>
            <Figure
              id="active5"
              name="Active, 5 min"
              value={count(sum(now.active5))}
              about={`${count(now.active5.users)} of users, ${count(now.active5.guests)} of guests`}
            />
            <Figure
              id="active30"
              name="Active, 30 min"
              value={count(sum(now.active30))}
              about={`${count(now.active30.users)} of users, ${count(now.active30.guests)} of guests`}
            />
          </>
        )}
        {data?.stored && (
          <Figure
            id="stored"
            name="Stored"
            value={`${count(data.stored.sessions)}${data.stored.more ? '+' : ''}`}
            about="sessions that live, used or not"
          />
        )}
        {totals && (
          <>
            <Figure
              id="signIns"
              name="Sign-ins, 1 h"
              value={count(totals.signIns)}
              about={`${count(Object.values(totals.refused).reduce((all, n) => all + n, 0))} refusals`}
            />
            <Figure
              id="started"
              name="Begun, 1 h"
              value={count(totals.started)}
              about={`${count(Object.values(totals.ended).reduce((all, n) => all + n, 0))} ended`}
            />
            <Figure
              id="pages"
              name="Pages, 1 h"
              value={count(totals.pages)}
              about={`${count(totals.merged)} saves met another's change, and both were kept`}
            />
          </>
        )}
      </dl>
      {hour && (
        <div class="grid two">
          <Chart
            title="Active sessions"
            times={times}
            empty="Nobody was here in the last hour."
            lines={[{ label: 'Active, 5 min', color: '--a', values: points.map(({ active }) => active) }]}
          />
          <Chart
            title="Pages a minute"
            times={times}
            empty="No page was asked for."
            lines={[{ label: 'Pages', color: '--b', values: points.map(({ pages }) => pages), bars: true }]}
          />
          <Chart
            title="Begun and ended"
            times={times}
            empty="No session began or ended."
            lines={[
              { label: 'Begun', color: '--a', values: points.map(({ started }) => started) },
              { label: 'Ended', color: '--c', values: points.map(({ ended }) => ended) }
            ]}
          />
          <Chart
            title="Sign-ins and refusals"
            times={times}
            empty="Nobody signed in, nobody was refused."
            lines={[
              { label: 'Sign-ins', color: '--b', values: points.map(({ signIns }) => signIns) },
              { label: 'Refusals', color: '--d', values: points.map(({ refused }) => refused) }
            ]}
          />
        </div>
      )}
      {data?.day && <Day day={data.day} />}
      {now && (
        <section class="card">
          <h2>What happened last</h2>
          <EventList
            events={[...latest.value.filter(({ seq }) => seq > newest), ...events].slice(0, 12)}
            empty="Nothing that is still kept."
          />
        </section>
      )}
      {now && (
        <p class="quiet small-print">
          “Active, 5 min” counts sessions whose last request came in this minute or the five before it, “30 min” accordingly; a session is a
          user's when somebody is signed in. Counts are complete up to {seconds(5)} ago. Times of charts are yours, days are UTC.
        </p>
      )}
    </>
  )
}

/** What may be an attack, or a fault; only what there was. */
function unusual({ unknownIds, retiredIds, storeErrors, lateWrites, alerts }: Totals): Record<string, number> {
  const all = {
    'Ids of no session': unknownIds,
    'Ids that were replaced': retiredIds,
    'Store errors': storeErrors,
    'Writes after the end': lateWrites,
    ...Object.fromEntries(Object.entries(alerts).map(([kind, n]) => [`Alerts: ${words(kind).toLowerCase()}`, n]))
  }
  return Object.fromEntries(Object.entries(all).filter(([, n]) => n > 0))
}

function Day({ day }: { day: Analytics }) {
  const { totals } = day
  const { duration, pagesPerSession } = totals
  return (
    <>
      <h2 class="apart">The last 24 hours</h2>
      <p class="quiet">
        {counted(totals.started, 'session')} began. <b id="returned">{count(totals.returned)}</b> {totals.returned === 1 ? 'was' : 'were'}{' '}
        used again on a later day (UTC) than the one of its beginning.
      </p>
      <div class="grid three">
        <Chart
          title="Sessions an hour"
          times={day.points.map(({ at }) => at)}
          empty="No session began."
          lines={[{ label: 'Begun', color: '--a', values: day.points.map(({ started }) => started), bars: true }]}
        />
        <section class="card">
          <h2>Sessions that ended</h2>
          {duration.count === 0 && <p class="quiet">None that was watched.</p>}
          <table class="plain" hidden={duration.count === 0}>
            <thead>
              <tr>
                <td />
                <th scope="col">half</th>
                <th scope="col">90 %</th>
                <th scope="col">99 %</th>
              </tr>
            </thead>
            <tbody>
              <tr>
                <th scope="row">Duration, up to</th>
                <td>{seconds(duration.p50)}</td>
                <td>{seconds(duration.p90)}</td>
                <td>{seconds(duration.p99)}</td>
              </tr>
              <tr>
                <th scope="row">Pages, up to</th>
                <td>{count(pagesPerSession.p50)}</td>
                <td>{count(pagesPerSession.p90)}</td>
                <td>{count(pagesPerSession.p99)}</td>
              </tr>
            </tbody>
          </table>
          <p class="quiet" hidden={duration.count === 0}>
            Of {counted(duration.count, 'session')}; {count(totals.bounced)} saw a single page. Durations and pages are estimates, at most{' '}
            {count(totals.error * 100)} % off.
          </p>
        </section>
        <Bars title="Devices" counts={totals.devices} empty="No session began." />
        <Bars title="How they ended" counts={totals.ended} empty="No session ended." />
        <Bars
          title="Out of the ordinary"
          counts={unusual(totals)}
          empty="Nothing was."
          names={(name) => name}
          note="A few ids of no session, or that were replaced, are ordinary: a browser that comes back after its session ended, or a second tab at the moment of a sign-in, still brings the old one. Many at once are guesses or copies."
        />
        <Bars title="Refusals" counts={totals.refused} empty="Nobody was refused." />
        {Object.keys(totals.marks).length > 0 && <Bars title="In the app" counts={totals.marks} empty="" />}
        <Bars title="Pages by process" counts={totals.nodes} empty="No page was asked for." names={(name) => name} />
      </div>
    </>
  )
}

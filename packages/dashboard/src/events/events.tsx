import type { EventsPage, NumberedEvent } from '../../../sessile/src/monitor/api-types.ts'
import { start, useLoaded } from '../api.ts'
import { latest } from '../live.ts'
import { EventList } from '../parts/event-list.tsx'
import { State } from '../parts/state.tsx'
import { linkTo, route } from '../route.ts'

/** What was loaded with what came since, each once. */
function together(loaded: readonly NumberedEvent[], since: readonly NumberedEvent[]): NumberedEvent[] {
  const first = loaded[0]?.seq ?? -1
  return [...since.filter(({ seq }) => seq > first), ...loaded]
}

/** Everything that happened, live on its first page. */
export function Events() {
  const { query } = route.value
  const event = query.get('event') ?? ''
  const before = query.get('before') ?? ''
  const search = new URLSearchParams({ ...(event ? { event } : {}), ...(before ? { before } : {}) })
  const loaded = useLoaded<EventsPage>(`events?${search.toString()}`, true)
  const { data } = loaded
  const since = before ? [] : latest.value.filter((one) => !event || one.event === event)
  return (
    <>
      <header class="head">
        <h1 tabIndex={-1}>Events</h1>
        <label class="pick">
          Show
          <select
            value={event}
            onChange={({ currentTarget }) => void (location.hash = linkTo('events', undefined, { event: currentTarget.value }))}
          >
            <option value="">Everything</option>
            {Object.entries(start.value?.eventNames ?? {}).map(([name, words]) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </header>
      <State of={loaded} />
      {data && (
        <section class="card">
          <EventList events={together(data.events, since)} empty="Nothing happened that is still kept." />
          <nav class="pages" aria-label="Pages of the list">
            {before !== '' && <a href={linkTo('events', undefined, { event })}>Latest</a>}
            {data.next !== undefined && <a href={linkTo('events', undefined, { event, before: String(data.next) })}>Older</a>}
          </nav>
        </section>
      )}
    </>
  )
}

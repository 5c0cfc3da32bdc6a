import { signal } from '@preact/signals'
import type { EventEntry, Health, Live, LiveMessages, NumberedEvent, Point } from '../../sessile/src/monitor/api-types.ts'
import { epoch } from './api.ts'

/** How the page hears of what goes on. */
export const connection = signal<'connecting' | 'live' | 'away' | 'ended'>('connecting')
export const live = signal<Live | undefined>(undefined)
/** Minutes, as they are told since the page was opened; the present one last. */
export const points = signal<readonly Point[]>([])
export const health = signal<Health | undefined>(undefined)
/** The latest first. */
export const latest = signal<readonly NumberedEvent[]>([])

const KEPT = 200
const MINUTES = 60
const RETRY_MS = 5000
let lastId = ''
let waiting: NumberedEvent[] = []

/** Events that come in one go are shown in one go. */
function take(event: EventEntry, id: string): void {
  lastId = id
  if (waiting.length === 0) {
    setTimeout(() => {
      latest.value = [...waiting.reverse(), ...latest.value].slice(0, KEPT)
      waiting = []
    }, 100)
  }
  waiting.push({ ...event, seq: Number(id) })
  if (waiting.length > KEPT) waiting.shift()
}

export function connect(): void {
  const source = new EventSource(`api/live${lastId === '' ? '' : `?after=${lastId}`}`)
  const on = <M extends keyof LiveMessages>(name: M, listener: (message: LiveMessages[M], id: string) => void): void =>
    source.addEventListener(name, (event) =>
      listener(JSON.parse((event as MessageEvent<string>).data) as LiveMessages[M], (event as MessageEvent).lastEventId)
    )
  source.addEventListener('open', () => {
    connection.value = 'live'
  })
  source.addEventListener('error', () => {
    connection.value = 'away'
    // the browser comes back by itself after a break, but not after a refusal
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS)
  })
  on('live', (message) => (live.value = message))
  on('point', (message) => (points.value = [...points.value.filter(({ at }) => at !== message.at), message].slice(-MINUTES)))
  on('health', (message) => (health.value = message))
  on('start', (_, id) => (lastId = id))
  on('event', take)
  on('gap', (_, id) => {
    if (id !== '') lastId = id
    latest.value = []
    epoch.value += 1
  })
  on('ended', () => {
    source.close()
    connection.value = 'ended'
  })
}

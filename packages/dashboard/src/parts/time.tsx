import { signal } from '@preact/signals'
import { seconds } from '../format.ts'

/** Moves every few seconds, so that ages stay true. */
const clock = signal(Date.now())
setInterval(() => (clock.value = Date.now()), 5000)

/** How long ago, or how long from now; the exact time when pointed at. */
export function Time({ at, none = '–' }: { at: number | null | undefined; none?: string }) {
  if (at === undefined || at === null) return <span class="quiet">{none}</span>
  const away = (Math.max(clock.value, Date.now()) - at) / 1000
  const text = Math.abs(away) < 2 ? 'now' : away > 0 ? `${seconds(away)} ago` : `in ${seconds(-away)}`
  const date = new Date(at)
  return (
    <time dateTime={date.toISOString()} title={date.toLocaleString()}>
      {text}
    </time>
  )
}

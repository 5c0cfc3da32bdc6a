import { useEffect, useRef } from 'preact/hooks'
import { signal } from '@preact/signals'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { count } from '../format.ts'

export interface Line {
  readonly label: string
  /** A custom property of the style sheet. */
  readonly color: string
  readonly values: readonly number[]
  readonly bars?: boolean
}

const HEIGHT = 168
const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const dark = matchMedia('(prefers-color-scheme: dark)')
const scheme = signal(dark.matches)
dark.addEventListener('change', () => (scheme.value = dark.matches))

function colorOf(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim()
}

/** Some series over time. What it shows is said in words as well. */
export function Chart({ title, times, lines, empty }: { title: string; times: readonly number[]; lines: readonly Line[]; empty: string }) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | undefined>(undefined)
  const isDark = scheme.value
  const data: UPlot.AlignedData = [times.map((at) => at / 1000), ...lines.map(({ values }) => [...values])]
  const isEmpty = lines.every(({ values }) => values.every((value) => value === 0))
  const shape = lines.map(({ label }) => label).join()

  useEffect(() => {
    const element = place.current!
    const axis = {
      stroke: colorOf(element, '--quiet'),
      grid: { stroke: colorOf(element, '--line'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui'
    }
    const pad = ((times[1] ?? 0) - (times[0] ?? 0)) / 2000
    const options: UPlot.Options = {
      width: Math.max(200, element.clientWidth),
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { range: (_, min, max) => [min - pad, max + pad] }, y: { range: (_, __, max) => [0, Math.max(4, max * 1.1)] } },
      axes: [
        { ...axis, space: 76, size: 30, values: (_, ticks) => ticks.map((tick) => clock.format(tick * 1000)) },
        { ...axis, size: 44, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? count(tick) : '')) }
      ],
      series: [
        {},
        ...lines.map(({ label, color, bars }) => ({
          label,
          stroke: colorOf(element, color),
          fill: `${colorOf(element, color)}${bars ? 'cc' : '22'}`,
          width: bars ? 0 : 2,
          points: { show: false },
          ...(bars ? { paths: UPlot.paths.bars!({ size: [0.7, 24] }) } : {})
        }))
      ]
    }
    const made = new UPlot(options, data, element)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [isDark, shape])
  useEffect(() => plot.current?.setData(data))

  const said = lines
    .map(({ label, values }) => `${label}: ${count(values.at(-1) ?? 0)} now, ${count(Math.max(0, ...values))} at most`)
    .join('; ')
  return (
    <figure class="card chart">
      <figcaption>
        <h2>{title}</h2>
        <ul class="legend">
          {lines.map(({ label, color, values }) => (
            <li key={label}>
              <i class={`key key${color}`} />
              {label} <b>{count(values.at(-1) ?? 0)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={`${title}. ${said}.`} />
      {isEmpty && <p class="empty quiet">{empty}</p>}
    </figure>
  )
}

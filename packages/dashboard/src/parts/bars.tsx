import { count, words } from '../format.ts'

/** Counts by name, the largest first, each with its share. */
export function Bars({
  title,
  counts,
  empty,
  names = words,
  note
}: {
  title: string
  counts: Readonly<Record<string, number>>
  empty: string
  names?: (name: string) => string
  /** What to think of the counts, where there are any. */
  note?: string
}) {
  const all = Object.entries(counts).slice(0, 8)
  const total = all.reduce((sum, [, n]) => sum + n, 0)
  return (
    <section class="card">
      <h2>{title}</h2>
      {all.length === 0 && <p class="quiet">{empty}</p>}
      <dl class="bars">
        {all.map(([name, n]) => (
          <div key={name}>
            <dt>{names(name)}</dt>
            <dd>
              <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
                <rect width={(100 * n) / total} height="1" />
              </svg>
              <span>{count(n)}</span>
            </dd>
          </div>
        ))}
      </dl>
      {note !== undefined && all.length > 0 && <p class="quiet small-print">{note}</p>}
    </section>
  )
}

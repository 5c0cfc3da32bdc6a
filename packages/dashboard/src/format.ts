const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

export function count(n: number): string {
  return whole.format(n)
}

/** So many of something: `1 session`, `2 sessions`. */
export function counted(n: number, one: string): string {
  return `${count(n)} ${n === 1 ? one : `${one}s`}`
}

/** Seconds in words. */
export function seconds(n: number): string {
  if (n < 90) return `${Math.round(n)} s`
  if (n < 5400) return `${Math.round(n / 60)} min`
  if (n < 172_800) return `${(n / 3600).toFixed(1).replace('.0', '')} h`
  return `${Math.round(n / 86_400)} d`
}

export function ms(n: number | undefined): string {
  if (n === undefined) return '–'
  if (n < 1) return `${Math.max(1, Math.round(n * 1000))} µs`
  return n < 10 ? `${n.toFixed(1)} ms` : `${Math.round(n)} ms`
}

export function bytes(n: number): string {
  return n < 1024 ? `${n} B` : `${(n / 1024).toFixed(1).replace('.0', '')} kB`
}

/** A handle as one tells it from others at a glance. */
export function short(handle: string): string {
  return handle.length > 12 ? `${handle.slice(0, 10)}…` : handle
}

export function words(code: string): string {
  const text = code.replaceAll('-', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

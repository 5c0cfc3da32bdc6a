import { join } from 'node:path'
import { Eta } from 'eta'

/** What stands around every page. */
export interface Frame {
  readonly user: { readonly username: string; readonly role: string } | undefined
  /** Pieces in the cart. */
  readonly cartItems: number
  readonly flash: string | undefined
  /** See `views/notices.eta`. */
  readonly notices: readonly object[]
}

/** Turns a template and what it is about into HTML; everything in it is escaped. */
export type Render = (view: string, it: { readonly title: string; readonly frame: Frame } & Readonly<Record<string, unknown>>) => string

export function createRender(): Render {
  const eta = new Eta({ views: join(import.meta.dirname, 'views'), cache: true, autoEscape: true })
  const dollars = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' })
  const times = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
  const help = {
    money: (cents: number) => dollars.format(cents / 100),
    time: (at: number | string) => `${times.format(new Date(at))} UTC`,
    iso: (at: number | string) => new Date(at).toISOString()
  }
  return (view, it) => eta.render(view, { ...help, problem: undefined, ...it })
}

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Eta } from 'eta'
import express, { type RequestHandler } from 'express'

/** What stands around every page. */
export interface Frame {
  readonly user: { readonly id: number; readonly username: string; readonly role: string } | undefined
  /** Pieces in the cart. */
  readonly cartItems: number
  /** Tells one content of the cart from another. */
  readonly revision: string
  /** How many pieces of each product are in the cart. */
  readonly held: ReadonlyMap<number, number>
  /** What is said once. */
  readonly said: readonly string[]
  /** Whether there is a session, whose changes the page can follow. */
  readonly live: boolean
  /** When a user's session ends unless something is asked before; `undefined` for a guest. */
  readonly end: SessionEnd | undefined
  /** What the user should know until it is answered. */
  readonly notices: readonly ShownNotice[]
}

/** The end of a session, from now. */
export interface SessionEnd {
  readonly inMs: number
  /** Whether nothing puts it off. */
  readonly isFinal: boolean
}

/** Something that its user should know, with what can be done about it. */
export interface ShownNotice {
  readonly text: string
  readonly actions: readonly { readonly path: string; readonly label: string; readonly isMain: boolean }[]
}

/** Where the files are that browsers fetch. */
const PUBLIC_FOLDER = join(import.meta.dirname, '../../public')

/** Turns a template and what it is about into HTML; everything in it is escaped. */
export type Render = (view: string, it: { readonly title: string; readonly frame: Frame } & Readonly<Record<string, unknown>>) => string

export function createRender(): Render {
  const eta = new Eta({ views: join(import.meta.dirname, 'views'), cache: true, autoEscape: true })
  const dollars = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' })
  const times = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
  const help = {
    money: (cents: number) => dollars.format(cents / 100),
    /** As a field for amounts has it: 1299.00. */
    amount: (cents: number) => (cents / 100).toFixed(2),
    time: (at: number | string) => `${times.format(new Date(at))} UTC`,
    iso: (at: number | string) => new Date(at).toISOString(),
    css: addressOf('shop.css'),
    js: addressOf('shop.js')
  }
  return (view, it) => eta.render(view, { ...help, problem: undefined, ...it })
}

/** With what the file contains in its address, it can be kept for good. */
function addressOf(file: string): string {
  const content = readFileSync(join(PUBLIC_FOLDER, file))
  return `/${file}?v=${createHash('sha256').update(content).digest('base64url').slice(0, 10)}`
}

/** The files themselves. Those whose address tells their content are kept for good, pictures for an hour. */
export function publicFiles(): RequestHandler {
  return express.static(PUBLIC_FOLDER, {
    index: false,
    redirect: false,
    setHeaders(res, path) {
      const isVersioned = (res.req as { query?: { v?: unknown } } | undefined)?.query?.v !== undefined
      if (isVersioned) res.setHeader('Cache-Control', 'public, max-age=31536000, immutable')
      else if (path.endsWith('.svg')) res.setHeader('Cache-Control', 'public, max-age=3600')
    }
  })
}

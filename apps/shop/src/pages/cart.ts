import { randomUUID } from 'node:crypto'
import type { Request } from 'express'
import { amountCents } from '../money.ts'
import type { Page, Problem } from './page.ts'
import type { PageReader } from './reading.ts'

/** The cart. */
export function cartPage({ reader }: { readonly reader: PageReader }): Page {
  return {
    view: 'cart',
    title: 'Cart',
    async load(req, visitor, problem) {
      const { standing, lines } = await reader.cart(visitor)
      return {
        standing,
        lines,
        totalCents: amountCents(lines),
        /** What it would come to at the prices of now. */
        nowCents: amountCents(lines.map(({ nowCents: priceCents, quantity }) => ({ priceCents, quantity }))),
        idempotencyKey: keyFor(req, problem)
      }
    }
  }
}

/**
 * The key makes a double click, or the Back button, the same order again instead of another one. It stays the same when the
 * form is refused, and on the way through signing in; one that was used for another cart is done with.
 */
function keyFor(req: Request, problem: Problem | undefined): string {
  const known: unknown = problem ? problem.typed['idempotencyKey'] : req.query['key']
  const isKept = typeof known === 'string' && /^[\da-f-]{36}$/.test(known) && problem?.code !== 'idempotency-key-already-used'
  return isKept ? known : randomUUID()
}

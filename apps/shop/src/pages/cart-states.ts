import { type CartAttributes, guestLines } from '../cart/guest-cart.ts'
import type { Database } from '../database/database.ts'
import { piecesOf, revisionOf } from './reading.ts'
import type { CartStates } from '../live/live.ts'

/** The carts of sessions, as pages tell them from each other. */
export function cartStates(db: Database): CartStates {
  const stateOf = (lines: Parameters<typeof revisionOf>[0]) => ({ items: piecesOf(lines), revision: revisionOf(lines) })
  return {
    ofGuest: (attributes) => stateOf(guestLines(attributes as CartAttributes)),
    async ofUsers(userIds) {
      const rows = await db
        .selectFrom('cartLines')
        .select(['userId', 'productId', 'priceCents', 'quantity'])
        .where('userId', 'in', [...userIds])
        .orderBy('id')
        .execute()
      const linesOf = Map.groupBy(rows, (row) => row.userId)
      return new Map(userIds.map((userId) => [userId, stateOf(linesOf.get(userId) ?? [])]))
    }
  }
}

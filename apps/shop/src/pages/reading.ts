import { createHash } from 'node:crypto'
import { type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely'
import type { Search } from '../catalogue/catalogue.ts'
import { matches, orderOf } from '../catalogue/repository.ts'
import type { Database } from '../database/database.ts'
import type { Role, Tables } from '../database/schema.ts'

/** Whoever a page is for, as the session says. */
export interface Visitor {
  /** `undefined` for a guest. */
  readonly userId: number | undefined
  /** A guest's cart: it is in the session. */
  readonly guestLines: readonly SeenLine[]
}

interface SeenLine {
  readonly productId: number
  readonly name: string
  readonly priceCents: number
  readonly quantity: number
}

/** What every page has to know: who it is for, and what is in the cart. */
export interface Standing {
  readonly user: { readonly id: number; readonly username: string; readonly role: Role } | undefined
  readonly lines: readonly Omit<SeenLine, 'name'>[]
  /** Devices that the user was not asked about yet: where there are some, the page has more to say. */
  readonly newDevices: number
}

/** A product on a page. */
export interface ShownProduct {
  readonly id: number
  readonly name: string
  readonly priceCents: number
  readonly stock: number
  readonly description: string
  readonly picture: string
}

/** A line of the cart with what its product is now. */
export interface ShownLine extends SeenLine {
  readonly nowCents: number
  readonly stock: number
  readonly picture: string
}

/**
 * What the pages show, each in one query: what a page needs of users, carts and products is joined, so that it costs one
 * round trip to the database whoever looks.
 */
export interface PageReader {
  standing(visitor: Visitor): Promise<Standing>
  storefront(visitor: Visitor, search: Search): Promise<{ readonly standing: Standing; readonly products: readonly ShownProduct[] }>
  product(visitor: Visitor, id: number): Promise<{ readonly standing: Standing; readonly product: ShownProduct | undefined }>
  cart(visitor: Visitor): Promise<{ readonly standing: Standing; readonly lines: readonly ShownLine[] }>
}

/** One text for one content of a cart, and another one for any other: two pages compare what they show by it. */
export function revisionOf(lines: Standing['lines']): string {
  const text = lines.map(({ productId, quantity, priceCents }) => `${productId}x${quantity}@${priceCents}`).join(' ')
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}

/** How many pieces there are. */
export function piecesOf(lines: Standing['lines']): number {
  return lines.reduce((sum, { quantity }) => sum + quantity, 0)
}

/** The pages' reader of the shop's database. */
export function pageReader(db: Database): PageReader {
  return {
    async standing(visitor) {
      if (visitor.userId === undefined) return guest(visitor)
      return standingOf(await cartOf(db, visitor.userId))
    },

    async storefront(visitor, { q, sort }) {
      const rows = await shelf(db, visitor.userId, (product) => matches(product, q))
        .orderBy(orderOf(sort))
        .orderBy('products.id')
        .execute()
      return { standing: visitor.userId === undefined ? guest(visitor) : standingOf(rows), products: productsOf(rows) }
    },

    async product(visitor, id) {
      const rows = await shelf(db, visitor.userId, (product) => product('products.id', '=', id)).execute()
      return { standing: visitor.userId === undefined ? guest(visitor) : standingOf(rows), product: productsOf(rows)[0] }
    },

    async cart(visitor) {
      if (visitor.userId !== undefined) {
        const rows = await cartOf(db, visitor.userId)
        return {
          standing: standingOf(rows),
          lines: withLines(rows).map((row) => shownLine({ ...row, name: row.name ?? '', priceCents: row.seenCents }, row))
        }
      }
      const now = new Map((await productsOfLines(db, visitor.guestLines)).map((product) => [product.id, product]))
      return { standing: guest(visitor), lines: visitor.guestLines.map((line) => shownLine(line, now.get(line.productId))) }
    }
  }
}

function shownLine(
  { productId, name, priceCents, quantity }: SeenLine,
  product: { readonly [K in 'priceCents' | 'stock' | 'picture']: ShownProduct[K] | null } | undefined
): ShownLine {
  const [nowCents, stock, picture] = [product?.priceCents ?? priceCents, product?.stock ?? 0, product?.picture ?? '']
  return { productId, name, priceCents, quantity, nowCents, stock, picture }
}

function guest({ guestLines: lines }: Visitor): Standing {
  return { user: undefined, lines, newDevices: 0 }
}

/** The user, with each line of the cart beside its product; one row without a line for an empty cart. */
function cartOf(db: Database, userId: number) {
  return db
    .selectFrom('users')
    .leftJoin('cartLines', 'cartLines.userId', 'users.id')
    .leftJoin('products', 'products.id', 'cartLines.productId')
    .select(['users.id as userId', 'users.username', 'users.role'])
    .select(['cartLines.id as lineId', 'cartLines.productId', 'cartLines.priceCents as seenCents', 'cartLines.quantity'])
    .select(['products.name', 'products.priceCents', 'products.stock', 'products.picture'])
    .select(newDevices(db, userId))
    .where('users.id', '=', userId)
    .orderBy('cartLines.id')
    .execute()
}

/**
 * The products that are looked for and those in the user's cart, with the user in each row; one row without a product where
 * there is neither. A guest's cart is not here, so there it is the products alone.
 */
function shelf(db: Database, userId: number | undefined, wanted: (product: ExpressionBuilder<Tables, 'products'>) => Wanted) {
  // No user has the number 0.
  const id = userId ?? 0
  return db
    .selectFrom(sql<{ one: number }>`(select 1 as one)`.as('here'))
    .leftJoin('users', (join) => join.on('users.id', '=', id))
    .leftJoin('products', (join) =>
      join.on((row) => {
        const product = row as unknown as ExpressionBuilder<Tables, 'products'>
        const inCart = product.exists(
          product.selectFrom('cartLines').select('cartLines.id').where('userId', '=', id).whereRef('productId', '=', 'products.id')
        )
        return (userId === undefined ? wanted(product) : product.or([wanted(product), inCart])) as never
      })
    )
    .leftJoin('cartLines', (join) => join.onRef('cartLines.productId', '=', 'products.id').on('cartLines.userId', '=', id))
    .select(['users.id as userId', 'users.username', 'users.role'])
    .select(['cartLines.id as lineId', 'cartLines.productId', 'cartLines.priceCents as seenCents', 'cartLines.quantity'])
    .select(['products.id', 'products.name', 'products.priceCents', 'products.stock', 'products.description', 'products.picture'])
    .select(newDevices(db, id))
    .select((row) =>
      row
        .case()
        .when(wanted(row as unknown as ExpressionBuilder<Tables, 'products'>) as never)
        .then(1)
        .else(0)
        .end()
        .as('wanted')
    )
}

/** How many devices are still to be asked about; part of a query. */
function newDevices(db: Database, userId: number) {
  return db
    .selectFrom('devices')
    .select((device) => device.fn.countAll<number>().as('count'))
    .where('devices.userId', '=', userId)
    .where('devices.noticedAt', 'is', null)
    .as('newDevices')
}

type Wanted = Expression<SqlBool>

function productsOfLines(db: Database, lines: readonly SeenLine[]) {
  if (lines.length === 0) return []
  return db
    .selectFrom('products')
    .select(['id', 'priceCents', 'stock', 'picture'])
    .where(
      'id',
      'in',
      lines.map(({ productId }) => productId)
    )
    .execute()
}

/** A row that has a user, and perhaps a line of the user's cart. */
interface Row {
  readonly userId: number | null
  readonly username: string | null
  readonly role: Role | null
  readonly lineId: number | null
  readonly productId: number | null
  readonly seenCents: number | null
  readonly quantity: number | null
  readonly newDevices: number | null
}

interface LineRow {
  readonly lineId: number
  readonly productId: number
  readonly seenCents: number
  readonly quantity: number
}

const hasLine = <R extends Row>(row: R): row is R & LineRow => row.lineId !== null
/** The rows that have a line, in the order of adding. */
function withLines<R extends Row>(rows: readonly R[]): readonly (R & LineRow)[] {
  return rows.filter(hasLine).sort((one, other) => one.lineId - other.lineId)
}

function standingOf(rows: readonly Row[]): Standing {
  const [{ userId: id, username, role, newDevices } = NOBODY] = rows
  return {
    user: id === null || username === null || role === null ? undefined : { id, username, role },
    lines: withLines(rows).map(({ productId, seenCents, quantity }) => ({ productId, priceCents: seenCents, quantity })),
    newDevices: newDevices ?? 0
  }
}

const NOBODY = { userId: null, username: null, role: null, newDevices: null } as const

/** @param rows products that were looked for, those that were not, and one without a product where there is none */
function productsOf(rows: readonly (Nullable<ShownProduct> & { readonly wanted: number })[]): readonly ShownProduct[] {
  return rows.flatMap(({ wanted, id, name, priceCents, stock, description, picture }) =>
    wanted === 1 ? [{ id: id!, name: name!, priceCents: priceCents!, stock: stock!, description: description!, picture: picture! }] : []
  )
}

type Nullable<T> = { readonly [K in keyof T]: T[K] | null }

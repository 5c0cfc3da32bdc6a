import type { Generated } from 'kysely'

/**
 * Every table of the shop, the same on SQLite and on PostgreSQL. Names are camelCase here and snake_case in the
 * database. Every `…At` is epoch milliseconds, money is whole cents.
 */
export interface Tables {
  users: UsersTable
  products: ProductsTable
  carts: CartsTable
  cartLines: CartLinesTable
  settledCarts: SettledCartsTable
  orders: OrdersTable
  orderLines: OrderLinesTable
  idempotencyKeys: IdempotencyKeysTable
  devices: DevicesTable
  auditEvents: AuditEventsTable
  setupSecrets: SetupSecretsTable
}

export type Role = 'user' | 'admin'

/** Who may sign in. */
export interface UsersTable {
  id: Generated<number>
  /** As it was typed at registration. */
  username: string
  /** The name in the form by which it is unique and found: case tells no two names apart. */
  usernameKey: string
  email: string
  emailKey: string
  /** A PHC string (`$argon2id$…`), or a bcrypt hash of an older system until its owner signs in. */
  passwordHash: string
  role: Role
  createdAt: number
  /** Since when nobody signs in to it; `null` where one does. */
  disabledAt: Generated<number | null>
  /** Whether a new password is due, and where it may be set; `null` where none is. */
  passwordDue: Generated<PasswordDue | null>
}

/**
 * A new password is due: until there is one, its owner can do nothing else. After "it wasn't me" somebody else may know the old one, so
 * it signs in from a device that the account knew before; an administrator may let it do so from any.
 */
export type PasswordDue = 'known-device' | 'any-device'

export interface ProductsTable {
  id: number
  name: string
  priceCents: number
  stock: number
  /** Some sentences, empty where nobody wrote any. */
  description: Generated<string>
  /** The name of its picture in `public/pictures`, without `.svg`; empty where it has none. */
  picture: Generated<string>
}

/** One row for each user who ever had a cart: what writers of one cart wait for each other by. */
export interface CartsTable {
  userId: number
  updatedAt: number
}

/** A user's cart; a guest's is in the session. */
export interface CartLinesTable {
  /** Rises, so it gives the order of adding. */
  id: Generated<number>
  userId: number
  productId: number
  /** The price that the customer has seen. */
  priceCents: number
  quantity: number
}

/**
 * The guests' carts that were ordered, or added to a user's. Such a cart is in a session, which no transaction of this
 * database reaches: whoever uses one up puts its id here in the same transaction, so each is used up once, and takes
 * its lines out of the session afterwards, if need be after a crash.
 */
export interface SettledCartsTable {
  cartId: string
  /** What was used up, as JSON `[{ productId, quantity }]`. */
  lines: string
  settledAt: number
}

export interface OrdersTable {
  id: Generated<number>
  /** Whose it is when there is a user; a guest's order is nobody's afterwards. */
  userId: number | null
  /** The guest's cart that it was made of. */
  cartId: string | null
  totalCents: number
  currency: string
  createdAt: number
  /** When it was cancelled and its pieces went back to the stock. */
  cancelledAt: number | null
  /** What leads to a guest's order, for as long as links live: whoever has it may look at the order and cancel it. */
  linkToken: string | null
}

/** What was bought, as it was called and priced then. */
export interface OrderLinesTable {
  orderId: number
  position: number
  productId: number
  name: string
  priceCents: number
  quantity: number
}

/** Which order a key already made. Written in the order's own transaction. */
export interface IdempotencyKeysTable {
  /** Whose key: one user's or one guest's, never shared. */
  owner: string
  key: string
  orderId: number
  createdAt: number
}

/** Where users signed in. A device is known by the number in its long-lived cookie. */
export interface DevicesTable {
  id: Generated<number>
  userId: number
  /** A hash of that number. */
  deviceKey: string
  /** In words: `Chrome on Linux`. */
  name: string
  address: string | null
  firstSeenAt: number
  lastSeenAt: number
  /** When its first sign-in was answered for, by the user who was told of it; `null` while that is open. */
  noticedAt: number | null
}

/** What happened, for administrators. */
export interface AuditEventsTable {
  /** Rises, but not always in the order of `at`: several processes write here. */
  id: Generated<number>
  at: number
  event: string
  /** Whose account or session it is about. */
  userId: number | null
  /** Who did it, where that is somebody else. */
  byUserId: number | null
  /** The handle. */
  session: string | null
  address: string | null
  userAgent: string | null
  requestId: string | null
  /** What else there is to say, as JSON. */
  details: string | null
}

/** The one secret by which the first administrator is made, while there is none. */
export interface SetupSecretsTable {
  /** Always 1: of several processes that start at once, one makes it. */
  id: number
  secretHash: string
  expiresAt: number
}

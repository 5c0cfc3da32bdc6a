/** How an express-session store answers. */
export type StoreCallback<T = unknown> = (error?: unknown, value?: T) => void

/**
 * How a store answers `get`, with an object or null, and `all`: types of express-session and of apps' own stores name classes of their own
 * there, which only `any` lets through.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- as said
export type FoundCallback = (error?: any, found?: any) => void

/** What of an express-session store is used; known by its shape, so that no package's types are forced on anyone. */
export interface ExpressStore {
  get(id: string, callback: FoundCallback): unknown
  set(id: string, session: object, callback?: StoreCallback): unknown
  destroy(id: string, callback?: StoreCallback): unknown
  touch?(id: string, session: object, callback?: StoreCallback): unknown
}

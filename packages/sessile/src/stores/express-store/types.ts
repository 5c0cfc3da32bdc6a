/** How an express-session store answers. */
export type StoreCallback<T = unknown> = (error?: unknown, value?: T) => void

/** What of an express-session store is used; known by its shape, so that no package's types are forced on anyone. */
export interface ExpressStore {
  get(id: string, callback: StoreCallback<object | null>): unknown
  set(id: string, session: object, callback?: StoreCallback): unknown
  destroy(id: string, callback?: StoreCallback): unknown
  touch?(id: string, session: object, callback?: StoreCallback): unknown
}

import { inherits } from 'node:util'
import { now } from '../core/clock.ts'
import { memoryStore } from '../stores/memory/backend.ts'
import { attachmentOf, BackendStore } from './backend-store.ts'

/** express-session's MemoryStore: in this process alone; a session without an expiry stays. */
export interface MemoryStore extends BackendStore {
  /** A live view: id to JSON text, without a prototype. */
  sessions: Record<string, string>
}

type MemoryStoreConstructor = { new (...given: unknown[]): MemoryStore; (this: object, ...given: unknown[]): void; prototype: MemoryStore }

function MemoryStoreFunction(this: object): void {
  ;(BackendStore as unknown as (this: object, ...given: unknown[]) => void).call(this, memoryStore(), { idleMs: Infinity })
}
Object.defineProperty(MemoryStoreFunction, 'name', { value: 'MemoryStore', configurable: true })
inherits(MemoryStoreFunction, BackendStore as unknown as new () => object)

export const MemoryStore = MemoryStoreFunction as unknown as MemoryStoreConstructor

Object.defineProperty(MemoryStore.prototype, 'sessions', {
  configurable: true,
  enumerable: true,
  get(this: BackendStore) {
    return this.backend === undefined ? undefined : viewOf(this)
  },
  /** `store.sessions = {}` empties the store. */
  set(this: BackendStore, texts: Record<string, string>) {
    const view = viewOf(this)
    for (const id of Object.keys(view)) delete view[id]
    Object.assign(view, texts)
  }
})

function viewOf(store: BackendStore): Record<string, string> {
  const { records } = attachmentOf(store)
  const textOf = (id: string | symbol) => {
    const loaded = typeof id === 'string' ? records.load(id) : undefined
    return loaded instanceof Promise ? undefined : loaded?.text
  }
  return new Proxy(Object.create(null) as Record<string, string>, {
    get: (_, id) => textOf(id),
    has: (_, id) => textOf(id) !== undefined,
    ownKeys() {
      const ids: string[] = []
      let cursor: string | undefined
      do {
        const page = records.scan(cursor, 1000)
        if (page instanceof Promise) break
        for (const { key } of page.sessions) ids.push(key)
        cursor = page.cursor
      } while (cursor !== undefined)
      return ids
    },
    getOwnPropertyDescriptor(_, id) {
      const value = textOf(id)
      return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true }
    },
    set(_, id, text: string) {
      const expires = (JSON.parse(text) as { cookie?: { expires?: string } }).cookie?.expires
      const expiresAt = expires ? Date.parse(expires) : NaN
      const next = { data: text, expiresAt: expiresAt > now() || expiresAt <= now() ? expiresAt : Infinity }
      void store.backend.remove(String(id))
      void store.backend.create(String(id), next)
      return true
    },
    deleteProperty(_, id) {
      void records.destroy(String(id))
      return true
    }
  })
}

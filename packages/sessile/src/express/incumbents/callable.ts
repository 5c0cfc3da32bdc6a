import { SessionError } from '../../core/errors.ts'
import { Store } from '../store.ts'

/** Any class of stores, such as express-session's. */
export type StoreClass = new (...given: unknown[]) => { createSession(req: object, record: object): object }

/** As people's types have it: those of express-session say that it is abstract. */
type AnyStoreClass = abstract new (...given: never[]) => object

/** What a store is made from: express-session, or something with its `Store`. */
export interface WithStore {
  readonly Store?: AnyStoreClass
  readonly session?: { readonly Store: AnyStoreClass }
}

/** A class over our own `Store`; called without `new`, as older packages are, with express-session, whose `Store` it then extends. */
export function callable<T extends object>(name: string, storeOn: (Base: StoreClass) => T): T {
  return new Proxy(storeOn(Store as unknown as StoreClass), {
    apply(_target, _this, [session]: [WithStore | undefined]) {
      const Base = session?.Store ?? session?.session?.Store
      if (typeof Base !== 'function')
        throw new SessionError(
          'bad-argument',
          `${name} was called without express-session: make a store by new ${name}(options), or by new (${name}(session))(options).`
        )
      return storeOn(Base as StoreClass)
    }
  })
}

import { wrapBackend, type MaybePromise, type SessionBackend } from '../../core/backend.ts'
import { chain } from '../../core/maybe.ts'

/** What an older store's options say of when records end; asked at each call, since people change them. */
export interface Endings {
  /**
   * When a record ends that is asked to end at some moment; both epoch ms.
   * @param data gives its text, which a touch has to read first
   */
  endOf(key: string, asked: number, data: () => MaybePromise<string | undefined>): MaybePromise<number>
  /** Whether a touch does anything. */
  touches(): boolean
}

/** A backend whose records end as an older store's options say. */
export function changed(backend: SessionBackend, { endOf, touches }: Endings): SessionBackend {
  return {
    ...wrapBackend(backend, (_, call) => call()),
    create: (key, next) =>
      chain(
        endOf(key, next.expiresAt, () => next.data),
        (expiresAt) => backend.create(key, { ...next, expiresAt })
      ),
    swap: (key, expected, next) =>
      chain(
        endOf(key, next.expiresAt, () => next.data),
        (expiresAt) => backend.swap(key, expected, { ...next, expiresAt })
      ),
    extend(key, expiresAt, userId) {
      if (!touches()) return true
      const stored = (): MaybePromise<string | undefined> => chain(backend.read(key), (record) => record?.data)
      return chain(endOf(key, expiresAt, stored), (end) => backend.extend(key, end, userId))
    }
  }
}

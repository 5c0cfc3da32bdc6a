import type { MaybePromise } from '../../core/backend.ts'
import { chain } from '../../core/maybe.ts'

/** How sessions are written on the server where that is not JSON, as connect-redis takes it. */
export interface SessionSerializer {
  stringify(session: object): string
  parse(text: string): MaybePromise<object>
}

/** What a stored text says: a record's JSON, and the session as the serializer gave it, whose values may be more than JSON holds. */
export interface SerializedText {
  readonly text: string
  readonly object?: object
}

/** What is kept beside a session's attributes; no serializer's object shows it. */
interface Reserved {
  '~'?: unknown
  '~u'?: unknown
}

/** A serializer of the app's, between the text of a record and what is stored. */
export class Serializing {
  readonly #serializer: SessionSerializer

  constructor(serializer: SessionSerializer) {
    this.#serializer = serializer
  }

  /** @param object the session that the text is of, where there is one: it is what the serializer is given */
  stringify(text: string, object: object | undefined): string {
    const session = JSON.parse(text) as Reserved
    if (object === undefined) return this.#serializer.stringify(session)
    const { '~': meta, '~u': owner } = session
    if (meta === undefined && owner === undefined) return this.#serializer.stringify(object)
    const members = { ...(meta === undefined ? {} : { '~': meta }), ...(owner === undefined ? {} : { '~u': owner }) }
    return this.#serializer.stringify({ ...object, ...members })
  }

  parse(stored: string): MaybePromise<SerializedText> {
    return chain(this.#serializer.parse(stored), (session) => {
      const text = JSON.stringify(session)
      const { '~': _, '~u': __, ...object } = session as Reserved
      return { text, object }
    })
  }
}

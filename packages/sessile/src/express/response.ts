import type { MaybePromise } from '../core/backend.ts'
import { isPromise } from '../core/maybe.ts'
import { throwLater } from './callback.ts'
import { mergeHeadArguments } from './head-arguments.ts'
import type { SessionResponse } from './types.ts'

/** What is to happen around a response. */
export interface Around {
  /** The head is about to be written; the last moment to set headers. Called once. */
  head(): void
  /**
   * The first `end` was called. The response ends when what this gives has settled, which must not fail.
   * @returns false when the answer must not be sent: whoever returns it sees to another one
   */
  end(): MaybePromise<boolean>
  /** The response was ended, or (`sent` is false) dropped. */
  handedOver(sent: boolean): void
}

type Ending = (this: SessionResponse, ...given: unknown[]) => unknown

/**
 * Holds the end of a response until a MaybePromise has settled. Knows nothing of sessions.
 *
 * At the first `end` the head is committed at once and no byte is sent: in HTTP/1 it stays in memory until the body's first
 * byte, so a browser cannot follow a redirect before what it waits for. HTTP/2 sends a head as soon as it is written, so there
 * the head waits too. Only the methods found now are called, with `this` as the response, and nothing after the captured `end`.
 * @param holdHead hold the head back as well, so that the answer can still become another one
 */
export function holdResponse(res: SessionResponse, around: Around, holdHead: boolean): void {
  const end = res.end as unknown as Ending
  const writeHead = res.writeHead as unknown as Ending
  const hold = new Hold(res, around, end, writeHead, holdHead)
  res.end = ((...given: unknown[]) => hold.end(given)) as typeof res.end
  res.writeHead = ((...given: unknown[]) => hold.writeHead(given)) as unknown as typeof res.writeHead
  if (holdHead) hold.watchEarlyHeads()
}

class Hold {
  readonly #res: SessionResponse
  readonly #around: Around
  readonly #end: Ending
  readonly #writeHead: Ending
  #ended = false
  /** `head` was told. */
  #headed = false
  /** Whether an explicit `writeHead` waits for the end. */
  #holdHead: boolean

  constructor(res: SessionResponse, around: Around, end: Ending, writeHead: Ending, holdHead: boolean) {
    this.#res = res
    this.#around = around
    this.#end = end
    this.#writeHead = writeHead
    this.#holdHead = holdHead
  }

  writeHead(given: unknown[]): unknown {
    const res = this.#res
    if (this.#headed) return this.#writeHead.apply(res, given)
    const leading = mergeHeadArguments(res, given)
    if (this.#holdHead) {
      if (leading.length > 1) res.statusMessage = leading[1] as string
      return res
    }
    this.#headed = true
    this.#around.head()
    // a listener may have changed the status; then the text given for the old one is wrong
    if (typeof leading[0] === 'number' && res.statusCode !== leading[0]) return this.#writeHead.call(res, res.statusCode)
    return this.#writeHead.apply(res, leading)
  }

  end(given: unknown[]): unknown {
    if (this.#ended) return false
    this.#ended = true
    let settled: MaybePromise<boolean>
    try {
      settled = this.#around.end()
    } catch (error) {
      // the error answer of whoever catches this goes out as it is
      this.#holdHead = false
      this.#ended = false
      this.end = (again) => this.#end.apply(this.#res, again)
      throw error
    }
    if (!isPromise(settled)) return settled ? this.#finish(given) : this.#refuse()
    const late = holdWrites(this.#res)
    if (!this.#holdHead) commitHead(this.#res, given)
    settled.then((send) => {
      try {
        late.release()
        if (send) this.#finish(given)
        else this.#refuse()
        late.writeAgain()
      } catch (error) {
        throwLater(error)
      }
    })
    return this.#res
  }

  #finish(given: unknown[]): unknown {
    this.#holdHead = false
    const returned = this.#end.apply(this.#res, given)
    this.#around.handedOver(true)
    return returned
  }

  /** The answer is dropped; the next `end` is another one's and passes. */
  #refuse(): SessionResponse {
    this.#holdHead = false
    this.#ended = false
    this.end = (given) => this.#end.apply(this.#res, given)
    this.#around.handedOver(false)
    return this.#res
  }

  /** A stream sends its head with the first byte: then there is nothing left to hold. */
  watchEarlyHeads(): void {
    const res = this.#res
    const write = res.write as unknown as Ending
    const flushHeaders = res.flushHeaders as unknown as Ending
    res.write = ((...given: unknown[]) => {
      this.#holdHead = false
      return write.apply(res, given)
    }) as typeof res.write
    res.flushHeaders = () => {
      this.#holdHead = false
      flushHeaders.call(res)
    }
  }
}

/** Writes the head into memory. HTTP/2 has no such step. */
function commitHead(res: SessionResponse, given: readonly unknown[]): void {
  if (res.headersSent) return
  const implicit = (res as unknown as { _implicitHeader?: () => void })._implicitHeader
  if (typeof implicit !== 'function') return
  setLength(res, given)
  implicit.call(res)
}

/** Node would choose chunks for a body it does not know yet; a compressor before us would not see that it is small. */
function setLength(res: SessionResponse, given: readonly unknown[]): void {
  const { statusCode } = res
  if (res.req?.method === 'HEAD' || statusCode === 204 || statusCode === 304 || statusCode < 200) return
  if (res.hasHeader('Content-Length') || res.hasHeader('Transfer-Encoding') || res.hasHeader('Trailer')) return
  const chunk = given[0]
  if (typeof chunk === 'string') res.setHeader('Content-Length', Buffer.byteLength(chunk, given[1] as BufferEncoding))
  else if (chunk instanceof Uint8Array) res.setHeader('Content-Length', chunk.byteLength)
  else if (chunk === undefined || chunk === null || typeof chunk === 'function') res.setHeader('Content-Length', 0)
}

/** Writes after `end` must not get into the body while it is held; afterwards Node says what it always says. */
function holdWrites(res: SessionResponse): { release(): void; writeAgain(): void } {
  const { write } = res
  const writes: unknown[][] = []
  res.write = ((...given: unknown[]) => {
    writes.push(given)
    return false
  }) as typeof res.write
  return {
    // set, not deleted: an object that lost a property is slow from then on
    release() {
      res.write = write
    },
    writeAgain() {
      for (const given of writes) (res.write as unknown as Ending).apply(res, given)
    }
  }
}

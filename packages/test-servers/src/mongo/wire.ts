import { BSON, type Document } from 'mongodb'

/** MongoDB's wire messages, as far as drivers of today use them. */
export const OP_QUERY = 2004
export const OP_MSG = 2013
export const HEADER_BYTES = 16
export const MORE_TO_COME = 2
const OP_REPLY = 1
const CHECKSUM_PRESENT = 1

/** Where the body document of a message lies. */
export interface Body {
  readonly start: number
  readonly end: number
}

/** The body of an OP_MSG; `undefined` where the message has another form. */
export function bodyOf(message: Buffer): Body | undefined {
  const end = message.length - (message.readUInt32LE(HEADER_BYTES) & CHECKSUM_PRESENT ? 4 : 0)
  for (let at = HEADER_BYTES + 4; at < end;) {
    const kind = message[at]
    const length = message.readInt32LE(at + 1)
    if (kind === 0) return { start: at + 1, end: at + 1 + length }
    at += 1 + length
  }
  return undefined
}

/** The message without the given top-level fields of its body; everything else stays byte for byte. */
export function withoutFields(message: Buffer, body: Body, fields: ReadonlySet<string>): Buffer {
  const document = message.subarray(body.start, body.end)
  const kept: Buffer[] = []
  let from = 4
  let cut = 0
  for (const [, nameOffset, nameLength, offset, length] of BSON.onDemand.parseToElements(document)) {
    if (!fields.has(document.toString('utf8', nameOffset, nameOffset + nameLength))) continue
    kept.push(document.subarray(from, nameOffset - 1))
    from = offset + length
    cut += from - (nameOffset - 1)
  }
  if (cut === 0) return message
  kept.push(document.subarray(from))
  const size = Buffer.alloc(4)
  size.writeInt32LE(document.length - cut)
  const checksum = message.readUInt32LE(HEADER_BYTES) & CHECKSUM_PRESENT ? 4 : 0 // wrong from here on: it is left out
  const out = Buffer.concat([message.subarray(0, body.start), size, ...kept, message.subarray(body.end, message.length - checksum)])
  out.writeInt32LE(out.length, 0)
  out.writeUInt32LE((out.readUInt32LE(HEADER_BYTES) & ~CHECKSUM_PRESENT) >>> 0, HEADER_BYTES)
  return out
}

/** @param document as it is, or as bytes */
export function opMsg(document: Document | Buffer, requestId = 0, responseTo = 0): Buffer {
  const body = Buffer.isBuffer(document) ? document : BSON.serialize(document)
  const out = Buffer.alloc(HEADER_BYTES + 5 + body.length)
  out.set(body, HEADER_BYTES + 5)
  return withHeader(out, OP_MSG, requestId, responseTo)
}

export function opReply(document: Document, requestId: number, responseTo: number): Buffer {
  const body = BSON.serialize(document)
  const out = Buffer.alloc(HEADER_BYTES + 20 + body.length)
  out.writeInt32LE(1, HEADER_BYTES + 16) // one document
  out.set(body, HEADER_BYTES + 20)
  return withHeader(out, OP_REPLY, requestId, responseTo)
}

function withHeader(frame: Buffer, opcode: number, requestId: number, responseTo: number): Buffer {
  frame.writeInt32LE(frame.length, 0)
  frame.writeInt32LE(requestId, 4)
  frame.writeInt32LE(responseTo, 8)
  frame.writeInt32LE(opcode, 12)
  return frame
}

/** The messages in a stream of bytes. @param take gets each; @param spoiled is called once the stream makes no sense */
export function splitMessages(take: (message: Buffer) => void, spoiled: () => void): (chunk: Buffer) => void {
  const largest = 48_000_000
  let pieces: Buffer[] = []
  let bytes = 0
  // put together once it is all there: a message comes in hundreds of pieces
  let wanted = 4
  return (chunk) => {
    pieces.push(chunk)
    bytes += chunk.length
    if (bytes < wanted) return
    let rest: Buffer = Buffer.concat(pieces)
    wanted = 4
    while (rest.length >= 4) {
      const length = rest.readInt32LE(0)
      if (length < HEADER_BYTES || length > largest) return spoiled()
      wanted = length
      if (rest.length < length) break
      take(rest.subarray(0, length))
      rest = rest.subarray(length)
      wanted = 4
    }
    pieces = [rest]
    bytes = rest.length
  }
}

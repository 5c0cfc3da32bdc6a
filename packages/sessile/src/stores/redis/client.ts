import type { MaybePromise } from '../../core/backend.ts'

/** A client of node-redis 4 or later, or a pool of them, as far as it is used. */
export interface NodeRedisClient {
  sendCommand(args: string[], options?: object): Promise<unknown>
  duplicate?(): unknown
  /** A pool's way to one of its clients. */
  execute?(call: (client: unknown) => unknown): Promise<unknown>
}

/** A cluster client of node-redis. */
export interface NodeRedisCluster {
  sendCommand(firstKey: string | undefined, isReadonly: boolean | undefined, args: string[], options?: object): Promise<unknown>
  readonly masters: readonly object[]
  nodeClient(node: never): unknown
  duplicate(): unknown
}

/** A client of ioredis or iovalkey. */
export interface IoredisClient {
  call(command: string, ...args: string[]): Promise<unknown>
  duplicate(): unknown
  readonly status: string
}

/** A cluster client of ioredis or iovalkey. */
export interface IoredisCluster extends IoredisClient {
  nodes(role?: 'master'): readonly IoredisClient[]
}

/** The clients that `redisStore` takes, told by their shape: no driver is imported for it. */
export type RedisClient = NodeRedisClient | NodeRedisCluster | IoredisClient | IoredisCluster

/** One of the servers that a `SCAN` has to visit. */
export interface RedisNode {
  /** The same for as long as the server is there: `host:port`. */
  readonly address: string
  command(args: string[]): Promise<unknown>
}

/** A prefix that the app gave its client for every key. */
export interface Prefixes {
  /** To be put before every key, since raw commands do not get it from the client (node-redis). */
  readonly sentPrefix: string
  /** What keys begin with on the server although commands are sent without it (ioredis). */
  readonly hiddenPrefix: string
}

/** What the store needs of a client, whichever it is. */
export interface RedisConnection extends Prefixes {
  /** Whether commands are carried out in the order in which they are sent: over one connection, so not in a cluster. */
  readonly ordered: boolean
  /** Sends one raw command, whose one key is named once more for a cluster to find its server. */
  command(key: string | undefined, args: string[]): Promise<unknown>
  /** The servers that hold keys, in a fixed order. */
  nodes(): Promise<readonly RedisNode[]>
  /**
   * Makes a connection beside this one that listens on a channel. `failed` is called at most once, when it has to be made anew;
   * broken connections mend themselves.
   * @returns what ends it
   */
  subscribe(channel: string, heard: (message: string) => void, failed: () => void): () => void
}

/** Whether something has the shape of a client. */
export function isRedisClient(client: object): client is RedisClient {
  const shape = client as Partial<NodeRedisClient & IoredisClient>
  return typeof shape.sendCommand === 'function' || typeof shape.call === 'function'
}

/** The connection that a client is. */
export function connectionOf(client: RedisClient): RedisConnection {
  // ioredis has a method sendCommand too, which takes something else
  if ('call' in client && typeof client.call === 'function') return new IoredisConnection(client)
  return 'masters' in client ? new NodeRedisClusterConnection(client) : new NodeRedisConnection(client as NodeRedisClient)
}

/** Whatever types the app maps replies to, ours are text. */
const TEXT = { typeMapping: {} }

/** A subscriber of node-redis. */
interface NodeRedisSubscriber {
  on(event: 'error', listener: () => void): unknown
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  destroy?(): unknown
  disconnect?(): unknown
  unref?(): void
}

class NodeRedisConnection implements RedisConnection {
  readonly ordered: boolean
  readonly sentPrefix: string
  readonly hiddenPrefix = ''
  readonly #client: NodeRedisClient

  constructor(client: NodeRedisClient) {
    this.#client = client
    // a pool has several connections
    this.ordered = !('totalClients' in client)
    this.sentPrefix = String((client as { _keyPrefix?: unknown })._keyPrefix ?? '')
  }

  command(_key: string | undefined, args: string[]): Promise<unknown> {
    return this.#client.sendCommand(args, TEXT)
  }

  async nodes(): Promise<readonly RedisNode[]> {
    return [{ address: '', command: (args) => this.#client.sendCommand(args, TEXT) }]
  }

  subscribe(channel: string, heard: (message: string) => void, failed: () => void): () => void {
    const client = this.#client
    const subscriber = client.duplicate ? client.duplicate() : client.execute?.((one) => (one as NodeRedisClient).duplicate!())
    return subscribeNodeRedis(subscriber as NodeRedisSubscriber, channel, heard, failed)
  }
}

class NodeRedisClusterConnection implements RedisConnection {
  readonly ordered = false
  readonly sentPrefix: string
  readonly hiddenPrefix = ''
  readonly #cluster: NodeRedisCluster

  constructor(cluster: NodeRedisCluster) {
    this.#cluster = cluster
    this.sentPrefix = String((cluster as { _keyPrefix?: unknown })._keyPrefix ?? '')
  }

  command(key: string | undefined, args: string[]): Promise<unknown> {
    // "not read-only": a replica may not have yet what was written a moment ago
    return this.#cluster.sendCommand(key, false, args, TEXT)
  }

  async nodes(): Promise<readonly RedisNode[]> {
    const nodes = this.#cluster.masters.map((node) => ({
      address: String((node as { address?: unknown }).address),
      command: async (args: string[]) => ((await this.#cluster.nodeClient(node as never)) as NodeRedisClient).sendCommand(args, TEXT)
    }))
    return byAddress(nodes)
  }

  subscribe(channel: string, heard: (message: string) => void, failed: () => void): () => void {
    return subscribeNodeRedis(this.#cluster.duplicate() as NodeRedisSubscriber, channel, heard, failed)
  }
}

function subscribeNodeRedis(
  made: MaybePromise<NodeRedisSubscriber>,
  channel: string,
  heard: (message: string) => void,
  failed: () => void
): () => void {
  let ended = false
  let subscriber: NodeRedisSubscriber | undefined
  const end = (): void => {
    ended = true
    try {
      const done = subscriber?.destroy ? subscriber.destroy() : subscriber?.disconnect?.()
      void Promise.resolve(done).catch(() => {})
    } catch {
      // it was never open
    }
  }
  const listen = async (): Promise<void> => {
    subscriber = await made
    if (ended) return
    // errors are mended by the client itself; unheard they would take the process down
    subscriber.on('error', () => {})
    await subscriber.connect()
    subscriber.unref?.()
    await subscriber.subscribe(channel, heard)
    if (ended) end()
  }
  listen().catch(() => {
    if (ended) return
    end()
    failed()
  })
  return end
}

/** A subscriber of ioredis. */
interface IoredisSubscriber {
  readonly status: string
  readonly stream?: { unref?(): void }
  on(event: 'error' | 'connect' | 'message', listener: (channel?: string, message?: string) => void): unknown
  subscribe(channel: string): Promise<unknown>
  disconnect(): void
}

const LISTENING = { enableOfflineQueue: true, maxRetriesPerRequest: null, lazyConnect: false }

class IoredisConnection implements RedisConnection {
  readonly ordered: boolean
  readonly sentPrefix = ''
  readonly hiddenPrefix: string
  readonly #client: IoredisClient | IoredisCluster

  constructor(client: IoredisClient | IoredisCluster) {
    this.#client = client
    this.ordered = !('nodes' in client)
    this.hiddenPrefix = (client as { options?: { keyPrefix?: string } }).options?.keyPrefix ?? ''
  }

  command(_key: string | undefined, [name, ...args]: [string, ...string[]] | string[]): Promise<unknown> {
    const answer = this.#client.call(name!, ...args)
    return this.ordered ? answer : answer.catch(ofMissingNode)
  }

  async nodes(): Promise<readonly RedisNode[]> {
    if (!('nodes' in this.#client)) return [{ address: '', command: ([name, ...args]) => this.#client.call(name!, ...args) }]
    const nodes = this.#client.nodes('master').map((node) => {
      const { host, port } = (node as { options?: { host?: string; port?: number } }).options ?? {}
      return { address: `${host}:${port}`, command: ([name, ...args]: string[]) => node.call(name!, ...args) }
    })
    if (nodes.length === 0) throw new Error('The cluster client knows no master: it is not connected.')
    return byAddress(nodes)
  }

  subscribe(channel: string, heard: (message: string) => void, failed: () => void): () => void {
    // a cluster's duplicate takes its overrides second
    const duplicate = this.#client.duplicate as (...given: unknown[]) => IoredisSubscriber
    const subscriber =
      'nodes' in this.#client
        ? duplicate.call(this.#client, [], { enableOfflineQueue: true, lazyConnect: false })
        : duplicate.call(this.#client, LISTENING)
    let ended = false
    subscriber.on('error', () => {})
    subscriber.on('connect', () => subscriber.stream?.unref?.())
    subscriber.on('message', (_channel, message) => heard(message!))
    subscriber.subscribe(channel).catch(() => {
      if (ended) return
      ended = true
      subscriber.disconnect()
      failed()
    })
    return () => {
      ended = true
      subscriber.disconnect()
    }
  }
}

/** Of a node that is not there ioredis says only how often it was sent to it. */
function ofMissingNode(error: unknown): never {
  if (!(error instanceof Error && error.message.startsWith('Too many Cluster redirections'))) throw error
  throw new Error('No node of the cluster answers for this key: its node is down, or its slot is on the move.', { cause: error })
}

function byAddress(nodes: readonly RedisNode[]): readonly RedisNode[] {
  return [...nodes].sort((one, other) => (one.address < other.address ? -1 : 1))
}

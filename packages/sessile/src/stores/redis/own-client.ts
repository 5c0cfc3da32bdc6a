import { atLatestAfter } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import { connectionOf, type IoredisClient, type NodeRedisClient, type RedisClient, type RedisConnection } from './client.ts'

/** A connection that the store has made itself. */
export interface OwnConnection {
  readonly connection: RedisConnection
  end(): Promise<void>
}

/** How long connecting may take. */
const CONNECT_MS = 5_000
/** How long answers that are under way are waited for at the end. */
const END_MS = 500
const AGAIN_AT_MOST_MS = 1_000

/** What a URL says. */
interface Address {
  /** One, or those of a cluster's servers. */
  readonly urls: readonly string[]
  readonly cluster: boolean
}

/**
 * Connects. While the server is away calls fail at once instead of waiting for it, and nothing is sent twice: what became of a
 * call is found out above. The first attempt is made once; a connection that breaks is made again and again.
 * @throws SessionError `not-supported` when there is no driver; whatever the driver throws
 */
export async function connect(url: string): Promise<OwnConnection> {
  const address = addressOf(url)
  const nodeRedis = await load<NodeRedisModule>('redis')
  if (nodeRedis) return connectNodeRedis(nodeRedis, address)
  const ioredis = (await load<IoredisModule>('ioredis')) ?? (await load<IoredisModule>('iovalkey'))
  if (ioredis) return connectIoredis(ioredis, address)
  throw new SessionError(
    'not-supported',
    'A redis: URL needs the package redis (or ioredis): npm install redis. Or hand in a client of your own.'
  )
}

/** `redis+cluster://user:password@one:6379,other:6379` names several servers, with one account. */
function addressOf(url: string): Address {
  const [, scheme = '', cluster, account = '', hosts = '', path = ''] =
    /^(rediss?)(\+cluster)?:\/\/((?:[^@/]*@)?)([^/?#]*)(.*)$/.exec(url) ?? []
  return { urls: hosts.split(',').map((host) => `${scheme}://${account}${host}${path}`), cluster: cluster !== undefined }
}

/** The delay of the next attempt; none before there has been a connection at all. */
function retry(state: { connected: boolean }): (attempt: number) => number | undefined {
  return (attempt) => (state.connected ? Math.min(25 * 2 ** attempt, AGAIN_AT_MOST_MS) : undefined)
}

interface NodeRedisOwn extends NodeRedisClient {
  on(event: 'error' | 'ready' | 'connect', listener: () => void): unknown
  connect(): Promise<unknown>
  close?(): Promise<unknown> | undefined
  quit?(): Promise<unknown>
  destroy?(): void
  disconnect?(): Promise<unknown> | undefined
  ref?(): void
  unref?(): void
}

interface NodeRedisModule {
  createClient(options: object): NodeRedisOwn
  createCluster(options: object): NodeRedisOwn
}

async function connectNodeRedis({ createClient, createCluster }: NodeRedisModule, { urls, cluster }: Address): Promise<OwnConnection> {
  const state = { connected: false }
  const delay = retry(state)
  const common = {
    disableOfflineQueue: true,
    // what it counts is the time until a command is sent, which here is at once; the timer of each took a fifth of a request
    commandOptions: { timeout: undefined },
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: (attempt: number) => delay(attempt) ?? false }
  }
  const client = cluster
    ? createCluster({ rootNodes: urls.map((url) => ({ url })), defaults: { ...common, ...accountOf(urls[0]!) } })
    : createClient({ ...common, url: urls[0] })
  // calls tell of errors; unheard they would take the process down
  client.on('error', () => {})
  const destroy = (): void => {
    try {
      if (client.destroy) client.destroy()
      else void client.disconnect?.()?.catch(() => {})
    } catch {
      // it is closed already
    }
  }
  try {
    await client.connect()
  } catch (error) {
    destroy()
    throw error
  }
  state.connected = true
  const socket = { ref: () => client.ref?.(), unref: () => client.unref?.() }
  return {
    connection: holding(connectionOf(client as RedisClient), socket),
    end: () =>
      endWithin(async () => {
        socket.ref()
        return client.close ? client.close() : client.quit?.()
      }, destroy)
  }
}

interface IoredisOwn extends IoredisClient {
  readonly stream?: Partial<Socket>
  on(event: 'error' | 'connect', listener: () => void): unknown
  connect(): Promise<unknown>
  quit(): Promise<unknown>
  disconnect(): void
}

interface IoredisModule {
  readonly Redis: new (url: string, options: object) => IoredisOwn
  readonly Cluster: new (nodes: readonly string[], options: object) => IoredisOwn
}

async function connectIoredis({ Redis, Cluster }: IoredisModule, { urls, cluster }: Address): Promise<OwnConnection> {
  const state = { connected: false }
  const delay = retry(state)
  const common = { lazyConnect: true, enableOfflineQueue: false }
  const single = { ...common, connectTimeout: CONNECT_MS, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false }
  const client = cluster
    ? new Cluster(urls, {
        ...common,
        redisOptions: { ...accountOf(urls[0]!), connectTimeout: CONNECT_MS, autoResendUnfulfilledCommands: false },
        clusterRetryStrategy: (attempt: number) => delay(attempt) ?? null,
        retryDelayOnFailover: 50,
        maxRedirections: 8
      })
    : new Redis(urls[0]!, { ...single, retryStrategy: (attempt: number) => delay(attempt) ?? null })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    client.disconnect()
    throw error
  }
  state.connected = true
  const socket = { ref: () => client.stream?.ref?.(), unref: () => client.stream?.unref?.() }
  const connection = holding(connectionOf(client), socket)
  client.on('connect', () => connection.isIdle() && socket.unref())
  return {
    connection,
    end: () =>
      endWithin(
        () => {
          socket.ref()
          return client.quit()
        },
        () => client.disconnect()
      )
  }
}

/** What of a socket says whether it keeps the process alive. */
interface Socket {
  ref(): void
  unref(): void
}

/** A connection that keeps the process alive while an answer is awaited, and not between; a cluster's of node-redis always does. */
function holding(connection: RedisConnection, socket: Socket): RedisConnection & { isIdle(): boolean } {
  let waiting = 0
  const answered = (): void => {
    if (--waiting === 0) socket.unref()
  }
  const held = (answer: Promise<unknown>): Promise<unknown> => {
    if (waiting++ === 0) socket.ref()
    answer.then(answered, answered)
    return answer
  }
  socket.unref()
  const { ordered, sentPrefix, hiddenPrefix } = connection
  return {
    ordered,
    sentPrefix,
    hiddenPrefix,
    isIdle: () => waiting === 0,
    command: (key, args) => held(connection.command(key, args)),
    nodes: async () =>
      (await connection.nodes()).map(({ address, command }) => ({ address, command: (args: string[]) => held(command(args)) })),
    subscribe: (...given) => connection.subscribe(...given)
  }
}

/** Servers of a cluster that are not in the URL need them too. */
function accountOf(url: string): object {
  const { username, password, protocol } = new URL(url)
  return {
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    ...(protocol === 'rediss:' ? { tls: {} } : {})
  }
}

/** Ends in order, or by force when that takes too long. */
function endWithin(end: () => Promise<unknown>, force: () => void): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel()
      force()
      resolve()
    }
    const cancel = atLatestAfter(END_MS, done)
    end().then(done, done)
  })
}

/** @param name in a variable, so that compilers and bundlers do not follow it: whoever uses another store has no such package */
async function load<M>(name: string): Promise<M | undefined> {
  try {
    const module = (await import(name)) as { default?: M } & M
    return 'createClient' in (module as object) || 'Redis' in (module as object) ? module : module.default
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' || (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND')
      return undefined
    throw error
  }
}

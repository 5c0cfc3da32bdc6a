import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onPath, packageRoot, platform, relinked, temporaryFolder, versionOf } from './files.ts'
import type { Found, Missing, Source, StartOptions } from './kinds.ts'
import { freePort, onFreePort } from './ports.ts'
import { ServerProcess, START_TIMEOUT_MS, type TestServer } from './server.ts'

const MASTERS = 3
const SLOTS = 16_384

export function findRedis(source: Exclude<Source, 'env'>): Found | Missing {
  if (source === 'path') {
    const command = onPath('redis-server') ?? onPath('valkey-server')
    return command ? { command, version: versionOf(command) } : { missing: 'neither redis-server nor valkey-server is on the PATH' }
  }
  const name = `@falkordblite/${platform()}`
  const root = packageRoot(name)
  if (!root) return { missing: `${name} is not installed` }
  const files = relinked(root, ['bin/redis-server'])
  if ('missing' in files) return files
  return { command: files.paths[0]!, version: versionOf(files.paths[0]!) }
}

export function createRedis(found: Found, options: StartOptions): Promise<ServerProcess> {
  return onFreePort((port) => startRedis(found, port, options.args))
}

async function startRedis({ command }: Found, port: number, more: readonly string[] = []): Promise<ServerProcess> {
  const server = new ServerProcess(`redis://127.0.0.1:${port}`, temporaryFolder('redis'), {
    command,
    // An acknowledged write survives SIGKILL with fsync `no`: it is handed to the system before the reply. With `everysec`, the
    // default, Redis holds it back during an fsync, and then a crash loses it (1 in 60 seen).
    args: `--bind 127.0.0.1 --port ${port} --dir . --appendonly yes --appendfsync no --save`.split(' ').concat('', more),
    ready: async () => (await redisCommands(port, ['PING']))[0] === 'PONG'
  })
  try {
    return await server.start()
  } catch (error) {
    server.discard()
    throw error
  }
}

interface Node {
  readonly server: ServerProcess
  readonly port: number
  readonly bus: number
}

/** Three masters without replicas: each has a third of the slots, and there is no failover. */
export async function createRedisCluster(found: Found, options: StartOptions): Promise<RedisCluster> {
  const nodes: Node[] = []
  try {
    for (let index = 0; index < MASTERS; index++) nodes.push(await onFreePort((port) => startNode(found, port, options)))
    for (const [index, { port }] of nodes.entries()) {
      const first = nodes[0]!
      const slot = (at: number): number => Math.floor((SLOTS * at) / MASTERS)
      const replies = await redisCommands(port, [
        `CLUSTER SET-CONFIG-EPOCH ${index + 1}`,
        `CLUSTER ADDSLOTSRANGE ${slot(index)} ${slot(index + 1) - 1}`,
        ...(index > 0 ? [`CLUSTER MEET 127.0.0.1 ${first.port} ${first.bus}`] : [])
      ])
      if (replies.some((reply) => reply !== 'OK')) throw new Error(`cluster setup: ${replies.join(', ')}`)
    }
    const cluster = new RedisCluster(nodes)
    await cluster.settled()
    return cluster
  } catch (error) {
    await Promise.all(nodes.map(({ server }) => server.stop()))
    throw error
  }
}

async function startNode(found: Found, port: number, options: StartOptions): Promise<Node> {
  const bus = await freePort()
  // a node waits for its node timeout before it calls the cluster complete: short here, long in settled()
  const cluster = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '500', '--cluster-port', `${bus}`]
  return { server: await startRedis(found, port, [...cluster, ...(options.args ?? [])]), port, bus }
}

/** Its methods concern all nodes; each of `nodes` has the same for itself. */
export class RedisCluster implements TestServer {
  readonly nodes: readonly ServerProcess[]
  readonly urls: readonly string[]
  readonly url: string
  readonly controllable = true
  readonly #ports: readonly number[]

  constructor(nodes: readonly Node[]) {
    this.nodes = nodes.map(({ server }) => server)
    this.urls = this.nodes.map(({ url }) => url)
    this.url = this.urls[0]!
    this.#ports = nodes.map(({ port }) => port)
  }

  get log(): string {
    return this.nodes.map(({ log }) => log).join('\n')
  }

  /** Resolves when every node says that the cluster is complete. */
  async settled(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS
    const complete = async (port: number): Promise<boolean> => {
      const [info = ''] = await redisCommands(port, ['CLUSTER INFO'])
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${this.nodes.length}`)
    }
    while (!(await Promise.all(this.#ports.map(complete))).every(Boolean)) {
      if (Date.now() > deadline) throw new Error('The cluster did not form.')
      await sleep(25)
    }
    for (const port of this.#ports) await redisCommands(port, ['CONFIG SET cluster-node-timeout 5000'])
  }

  async restart(): Promise<void> {
    await this.#all('restart')
    await this.settled()
  }

  kill = (): Promise<void> => this.#all('kill')
  pause = (): Promise<void> => this.#all('pause')
  resume = (): Promise<void> => this.#all('resume')
  stop = (): Promise<void> => this.#all('stop')

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #all(method: 'kill' | 'restart' | 'pause' | 'resume' | 'stop'): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[method]()))
  }
}

/** Sends inline commands, returns the replies (simple, error, integer and bulk ones): no client is needed for the set-up. */
async function redisCommands(port: number, commands: readonly string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(2000, () => socket.destroy(new Error('timeout')))
  try {
    const replies: string[] = []
    let text = ''
    socket.write(commands.map((command) => `${command}\r\n`).join(''))
    for await (const chunk of socket.setEncoding('latin1')) {
      text += chunk
      for (let match; (match = /^(?:[+\-:](.*)\r\n|\$(\d+)\r\n)/.exec(text));) {
        const [all, line, size] = match
        const end = all.length + (size ? Number(size) + 2 : 0)
        if (text.length < end) break
        replies.push(line ?? text.slice(all.length, end - 2))
        text = text.slice(end)
      }
      if (replies.length >= commands.length) return replies
    }
    throw new Error('The connection was closed.')
  } finally {
    socket.destroy()
  }
}

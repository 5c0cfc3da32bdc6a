import { setTimeout as sleep } from 'node:timers/promises'
import type { Found, StartOptions } from './kinds.ts'
import { freePort, onFreePort } from './ports.ts'
import { redisCommands, startRedis } from './redis.ts'
import { START_TIMEOUT_MS, type ServerProcess, type TestServer } from './server.ts'

const MASTERS = 3
const SLOTS = 16_384

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
      const replies = await redisCommands(port, [
        `CLUSTER SET-CONFIG-EPOCH ${index + 1}`,
        `CLUSTER ADDSLOTSRANGE ${firstSlotOf(index)} ${firstSlotOf(index + 1) - 1}`,
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

const firstSlotOf = (index: number): number => Math.floor((SLOTS * index) / MASTERS)

function firstOwnerOf(slot: number): number {
  return [...Array(MASTERS).keys()].findLast((index) => slot >= firstSlotOf(index))!
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
  /** Which node has a slot that was moved. */
  readonly #moved = new Map<number, number>()

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

  async slotOf(key: string): Promise<number> {
    const [slot] = await redisCommands(this.#ports[0]!, [`CLUSTER KEYSLOT ${key}`])
    return Number(slot)
  }

  /** The node that has a slot, by its place in `nodes`. */
  ownerOf(slot: number): number {
    return this.#moved.get(slot) ?? firstOwnerOf(slot)
  }

  /**
   * Moves a slot to another node with all that is in it, key by key, as resharding does: meanwhile clients are sent on with `ASK`, and
   * afterwards with `MOVED`.
   * @param to place in `nodes`
   */
  async moveSlot(slot: number, to: number): Promise<void> {
    const from = this.ownerOf(slot)
    if (from === to) return
    const [source, target] = [this.#ports[from]!, this.#ports[to]!]
    const ids = await Promise.all(this.#ports.map(async (port) => (await redisCommands(port, ['CLUSTER MYID']))[0]!))
    await this.#told(target, `CLUSTER SETSLOT ${slot} IMPORTING ${ids[from]}`)
    await this.#told(source, `CLUSTER SETSLOT ${slot} MIGRATING ${ids[to]}`)
    for (let keys; (keys = await redisCommands(source, [`CLUSTER GETKEYSINSLOT ${slot} 10`])).length > 0;) {
      const [reply] = await redisCommands(source, [`MIGRATE 127.0.0.1 ${target} "" 0 5000 KEYS ${keys.join(' ')}`])
      if (reply !== 'OK' && reply !== 'NOKEY') throw new Error(`MIGRATE: ${reply}`)
    }
    for (const port of [target, source, ...this.#ports]) await this.#told(port, `CLUSTER SETSLOT ${slot} NODE ${ids[to]}`)
    this.#moved.set(slot, to)
  }

  async #told(port: number, command: string): Promise<void> {
    const [reply] = await redisCommands(port, [command])
    if (reply !== 'OK') throw new Error(`${command}: ${reply}`)
  }

  /** How often its nodes have answered with an error of this kind, `ASK` for example. */
  async errors(kind: string): Promise<number> {
    const counts = this.#ports.map(async (port) => {
      const [info = ''] = await redisCommands(port, ['INFO errorstats'])
      return Number(new RegExp(`errorstat_${kind}:count=(\\d+)`).exec(info)?.[1] ?? 0)
    })
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
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

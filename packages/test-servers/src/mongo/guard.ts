import { randomUUID } from 'node:crypto'
import { BSON, type Document } from 'mongodb'
import { failure, type FailPoint, type InjectedFault } from './fail-point.ts'
import type { TtlSweeper } from './ttl-sweeper.ts'

const FORWARDED: ReadonlySet<string> = new Set(
  `aggregate buildInfo buildinfo bulkWrite collStats count create createIndexes currentOp dataSize dbStats
   dbstats delete distinct drop dropDatabase dropIndexes explain find findAndModify findandmodify fsync getMore
   getParameter insert killCursors killOp listCollections listCommands listDatabases listIndexes lockInfo ping
   planCacheClear reIndex renameCollection serverStatus setParameter update validate`.split(/\s+/)
)

/** One connection of a driver. */
export interface Connection {
  readonly id: number
  appName?: string
}

/** Answers what must not reach the engine. */
export class CommandGuard {
  readonly #fault: FailPoint
  readonly #ttl: TtlSweeper

  constructor(fault: FailPoint, ttl: TtlSweeper) {
    this.#fault = fault
    this.#ttl = ttl
  }

  /** @returns `undefined` when the command is the engine's */
  async answer(name: string, command: Document): Promise<Document | undefined> {
    switch (name) {
      case 'startSession':
        return { id: { id: new BSON.UUID(randomUUID()) }, timeoutMinutes: 30, ok: 1 }
      case 'endSessions':
      case 'refreshSessions':
      case 'killSessions':
      case 'killAllSessions':
      case 'killAllSessionsByPattern':
        return { ok: 1 }
      case 'configureFailPoint':
        if (command['configureFailPoint'] === 'failCommand') return this.#fault.configure(command)
        return failure(27, 'IndexNotFound', `no fail point named ${String(command['configureFailPoint'])}; only failCommand`)
      case 'sweepExpired':
        return { deleted: await this.#ttl.sweep(), ok: 1 }
      case 'saslStart':
      case 'saslContinue':
      case 'authenticate':
        return failure(18, 'AuthenticationFailed', 'this test server has no authentication: use a URL without a user')
      default:
    }
    const transaction = command['txnNumber'] !== undefined || command['startTransaction'] === true
    if (transaction || name === 'commitTransaction' || name === 'abortTransaction') {
      return failure(20, 'IllegalOperation', 'Transaction numbers are only allowed on a replica set member or mongos')
    }
    return FORWARDED.has(name) ? undefined : failure(59, 'CommandNotFound', `no such command: '${name}'`)
  }

  unsupportedQuery(name: string): Document {
    return failure(352, 'UnsupportedOpQueryCommand', `unsupported OP_QUERY: ${name}`)
  }

  injectedError({ errorCode = 0, errorCodeName, errorLabels }: InjectedFault): Document {
    const message = "Failing command via 'failCommand' failpoint"
    return failure(errorCode, errorCodeName ?? `Error${errorCode}`, message, errorLabels ? { errorLabels } : {})
  }
}

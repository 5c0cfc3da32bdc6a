import type { Document } from 'mongodb'

/** What MongoDB answers where a command fails. */
export function failure(code: number, codeName: string, errmsg: string, more: Document = {}): Document {
  return { ok: 0, errmsg, code, codeName, ...more }
}

/** What is to happen to a command. */
export interface InjectedFault {
  readonly failCommands?: readonly string[]
  readonly appName?: string
  readonly errorCode?: number
  readonly errorCodeName?: string
  readonly errorLabels?: readonly string[]
  readonly closeConnection?: boolean
  readonly blockConnection?: boolean
  readonly blockTimeMS?: number
  readonly writeConcernError?: Document
}

type Mode = 'off' | 'alwaysOn' | { times?: number; skip?: number; activationProbability?: number }

/** `configureFailPoint` with `failCommand`, as MongoDB documents it. */
export class FailPoint {
  #mode: Mode = 'off'
  #data: InjectedFault = {}
  #entered = 0

  configure({ mode, data = {} }: { mode?: Mode; data?: InjectedFault }): Document {
    const known =
      mode === 'off' ||
      mode === 'alwaysOn' ||
      (typeof mode === 'object' && [mode.times, mode.skip, mode.activationProbability].some((value) => (value ?? -1) >= 0))
    if (!known) {
      return failure(9, 'FailedToParse', 'mode must be "off", "alwaysOn", { times }, { skip } or { activationProbability }')
    }
    this.#mode = typeof mode === 'object' ? { ...mode } : mode
    this.#data = data
    return { ok: 1, count: this.#entered }
  }

  /** The fault for this command, if it is due. */
  take(command: string, appName: string | undefined): InjectedFault | undefined {
    const data = this.#data
    if (this.#mode === 'off' || !data.failCommands?.includes(command)) return undefined
    if (data.appName !== undefined && data.appName !== appName) return undefined
    if (typeof this.#mode === 'object' && !this.#isDue(this.#mode)) return undefined
    this.#entered++
    return data
  }

  #isDue(mode: Exclude<Mode, string>): boolean {
    if (mode.activationProbability !== undefined) return Math.random() < mode.activationProbability
    if (mode.skip !== undefined) {
      if (mode.skip-- > 0) return false
      this.#mode = 'alwaysOn'
      return true
    }
    if ((mode.times ?? 0) <= 0) {
      this.#mode = 'off'
      return false
    }
    mode.times!--
    return true
  }
}

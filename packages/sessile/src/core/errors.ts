/** Every code of a `SessionError`: its HTTP status, one sentence, and (by its name) its page `docs/errors/<code>.md`. */
export const ERRORS = {
  conflict: { status: 503, sentence: 'The session was changed by others each time this change was tried.' },
  gone: { status: 401, sentence: 'The session has ended.' },
  'store-failed': { status: 503, sentence: 'The session store could not answer.' },
  'store-timeout': { status: 503, sentence: 'The session store did not answer in time.' },
  'store-closed': { status: 503, sentence: 'The session store was closed.' },
  'id-taken': { status: 500, sentence: 'A new session id was in use already.' },
  'unknown-outcome': { status: 503, sentence: 'The session store failed while writing, and whether the write landed cannot be told.' },
  'too-large': { status: 413, sentence: 'The session is larger than maxBytes, or than the store takes.' },
  'not-storable': { status: 500, sentence: 'The session holds something that cannot be stored.' },
  'bad-option': { status: 500, sentence: 'An option has a value that cannot be used.' },
  'unknown-store': { status: 500, sentence: 'The store URL names no store that is known here.' },
  'not-supported': { status: 500, sentence: 'This store cannot do what was asked.' },
  'bad-argument': { status: 500, sentence: 'A call was made with an argument that cannot be used.' },
  'too-many-sessions': { status: 409, sentence: 'The user has as many sessions as maxSessionsPerUser allows.' }
} as const satisfies Record<string, { status: number; sentence: string }>

/** The stable word that says which error it is; to be switched over. */
export type SessionErrorCode = keyof typeof ERRORS

const MARK = Symbol.for('sessile.error')

/** The one error class of the package. Its message never holds an id, a cookie or a secret. */
export class SessionError extends Error {
  readonly code: SessionErrorCode
  /** The HTTP status that fits, also where Express looks for it. */
  readonly status: number

  /**
   * @param detail what happened, to what, and what to do; follows the code's sentence
   * @param cause the original error, where there is one
   */
  constructor(code: SessionErrorCode, detail?: string, cause?: unknown) {
    super(detail ? `${ERRORS[code].sentence} ${detail}` : ERRORS[code].sentence, cause === undefined ? undefined : { cause })
    this.name = 'SessionError'
    this.code = code
    this.status = ERRORS[code].status
    Object.defineProperty(this, MARK, { value: true })
  }
}

/** Whether something is a `SessionError`, also one of another loaded copy of the package. */
export function isSessionError(value: unknown): value is SessionError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[MARK] === true
}

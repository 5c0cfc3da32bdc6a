import { SessionError } from '../../core/errors.ts'

/** A `bad-option` in connect-mongo's own words, which people's tests compare. */
export function refusal(words: string): SessionError {
  const error = new SessionError('bad-option', words)
  error.message = words
  return error
}

// A process of its own that guesses passwords: told how often and for whom, it says how many guesses were let through.
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { loginThrottle } from '../../src/security/throttle.ts'

export interface Guesses {
  readonly times: number
  readonly account?: string
  readonly address?: string
}

const backend = sqliteStore({ file: process.argv[2]! })
const throttle = loginThrottle({ backend, secret: 'a secret of more than 32 characters', storeTimeout: '30s' })

process.on('message', async ({ times, account, address }: Guesses) => {
  const attempts = await Promise.all(
    Array.from({ length: times }, (_, n) =>
      throttle.attempt({
        account: account ?? `user ${n} of ${process.pid}`,
        address: address ?? `10.${process.pid % 256}.${n >> 8}.${n & 255}`
      })
    )
  )
  process.send!({ allowed: attempts.filter((attempt) => attempt.allowed).length })
})
process.on('disconnect', () => backend.close?.())
process.send!({ ready: true })

// The classes that a store of one's own is built on are not among the package's entry exports, nor typed with what a store supplies.

declare module 'rate-limiter-flexible/lib/RateLimiterRes.js' {
  export { RateLimiterRes as default } from 'rate-limiter-flexible'
}

declare module 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js' {
  import type { RateLimiterRes } from 'rate-limiter-flexible'

  export default abstract class RateLimiterStoreAbstract<Stored> {
    constructor(options: { points: number; duration: number; keyPrefix: string })
    readonly points: number
    consume(key: string, points?: number): Promise<RateLimiterRes>
    reward(key: string, points?: number): Promise<RateLimiterRes>
    delete(key: string): Promise<boolean>
    protected abstract _get(key: string): Promise<Stored | null>
    protected abstract _upsert(key: string, points: number, durationMs: number, force: boolean): Promise<Stored>
    protected abstract _delete(key: string): Promise<boolean>
    protected abstract _getRateLimiterRes(key: string, changed: number, stored: Stored): RateLimiterRes
  }
}

declare module 'connect-pg-simple' {
  /** As far as the tests use it. */
  interface PgStore {
    set(id: string, data: object, done: (error?: unknown) => void): void
    get(id: string, done: (error?: unknown, data?: never) => void): void
    touch(id: string, data: object, done: (error?: unknown) => void): void
    destroy(id: string, done: (error?: unknown) => void): void
    close(): void
  }
  export default function connectPgSimple(session: unknown): new (options: object) => PgStore
}

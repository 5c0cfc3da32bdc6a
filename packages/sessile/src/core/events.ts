import { channel as channelOf, type Channel } from 'node:diagnostics_channel'
import { Saves } from './saves.ts'
import type { WarningCode } from './warnings.ts'

/**
 * Every event, with what it carries. Payloads hold handles, never ids, keys or data (`expired` alone carries the
 * attributes of a session that is over). The table feeds `sessions.on`, the channels `sessile:session:<event>` and the docs.
 */
export interface SessionEvents {
  /** A session was stored for the first time. */
  created: { handle: string; userId?: string }
  /** A session got a new id. */
  renewed: { handle: string; previous: string; userId?: string; reason: RenewReason }
  /** A user signed in (the id was renewed). */
  'signed-in': { handle: string; userId: string }
  /** A session was ended by its own request. */
  destroyed: { handle: string; userId?: string }
  /** A session was ended from outside: by its user on another device, or an administrator. */
  revoked: { handle: string; userId?: string }
  /** A session ran out and was swept away. Each is told once; stores that expire by themselves tell none. */
  expired: { handle: string; userId?: string; attributes: Record<string, unknown> }
  /** Two requests changed one session at once and both changes were kept. */
  merged: { handle: string; attempts: number }
  /** A request tried to save a session that had ended meanwhile; the write was dropped. */
  'late-write': { handle: string }
  /** The store held something that is not a session record; it was treated as absent. */
  'unreadable-record': { handle: string; reason: string }
  /** A request brought an id that we had signed and that names no session: it ran out, was ended, or was replaced. */
  'unknown-id': { handle: string }
  /** An id that had been replaced was used again after its overlap. */
  'retired-id': { handle: string }
  /** A store call failed or was too late. */
  'store-error': { operation: string; message: string }
  /** How the app is set up makes cookies vanish, or is not safe. Each is told once for each `session()`; `page` says more. */
  warning: { code: WarningCode; message: string; page: string }
  /** Any session's end, whatever the reason: for closing sockets and streams. */
  ended: { handle: string; userId?: string; reason: 'destroyed' | 'revoked' | 'renewed' | 'expired' }
}

export type SessionEvent = keyof SessionEvents
export type RenewReason = 'sign-in' | 'asked' | 'routine'

/** The names of all events, in the order of the table. */
export const SESSION_EVENTS = [
  'created',
  'renewed',
  'signed-in',
  'destroyed',
  'revoked',
  'expired',
  'merged',
  'late-write',
  'unreadable-record',
  'unknown-id',
  'retired-id',
  'store-error',
  'warning',
  'ended'
] as const satisfies readonly SessionEvent[]

const channels = Object.fromEntries(SESSION_EVENTS.map((event) => [event, channelOf(`sessile:session:${event}`)])) as Record<
  SessionEvent,
  Channel
>

type Listener = (payload: never) => void

/**
 * Tells events to whoever listens: `on`, and the diagnostics channel `sessile:session:<event>`. A payload is built only when
 * someone listens. A listener that throws is reported as a process warning and stops nothing: what it was told of has happened.
 */
export class EventHub {
  readonly #listeners = new Map<SessionEvent, Set<Listener>>()
  /** What happens too often to be told one by one is counted. */
  readonly saves = new Saves()

  /** @returns a function that takes the listener off again */
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners)
    listeners.add(listener as Listener)
    return () => void listeners.delete(listener as Listener)
  }

  emit<E extends SessionEvent>(event: E, payload: () => SessionEvents[E]): void {
    const listeners = this.#listeners.get(event)
    const channel = channels[event]
    if (!listeners?.size && !channel.hasSubscribers) return
    const told = payload()
    for (const listener of listeners ?? []) {
      try {
        ;(listener as (payload: SessionEvents[E]) => void)(told)
      } catch (error) {
        process.emitWarning(
          `A listener of the session event '${event}' threw: ${error instanceof Error ? error.message : String(error)}`,
          'SessileWarning'
        )
      }
    }
    channel.publish(told)
  }
}

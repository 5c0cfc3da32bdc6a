/** What sessions are promised, as a model: what is known of each session after every answer, and steps whose outcome is held against it. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { wrapBackend, type SessionBackend } from '../../src/core/backend.ts'
import { now } from '../../src/core/clock.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { newId } from '../../src/core/ids.ts'
import type { Loaded } from '../../src/core/loaded.ts'
import type { SessionRecords } from '../../src/core/records.ts'
import { InjectedFault, withFaults, type Fault } from '../../src/testing/faults.ts'
import { attributesOf, change, recordsOn } from '../../src/testing/guarantees/tools.ts'

const MINUTE = 60_000
/** How long a request that holds an id from before a renewal is followed to the new one, at least. */
const FOLLOWED_MS = MINUTE

/** What is known of a session. Whatever was not answered stays open: it may have been done, or may be done yet. */
interface Known {
  /** Where a browser finds it; the last one is the newest. Ids whose making failed are known to nobody. */
  readonly keys: string[]
  readonly retiredAt: Map<string, number>
  readonly user: string | undefined
  /** Nobody finds it any more. */
  ended: boolean
  /** Something was done that may have ended it. */
  mayHaveEnded: boolean
  /** A write failed: it may land yet. */
  isOpen: boolean
  /** Its newest id may not be the one that counts. */
  isMoved: boolean
  readonly acknowledged: Set<string>
  readonly possible: Set<string>
  counted: number
  unsure: number
  /** It lives at least until then, and at most. */
  least: number
  most: number
}

/** A request that has loaded a session, and may be late with what it does. */
interface Hand {
  readonly session: Known
  readonly loaded: Loaded
}

export interface Model {
  readonly sessions: Known[]
  readonly hands: Hand[]
  names: number
  /** An ending of all sessions of a user failed, and may yet be done. */
  hasOpenRevoke: boolean
}

export interface Real {
  /** The store as the processes see it. */
  readonly views: readonly SessionBackend[]
  /** Moves the store's time; absent where it cannot be moved. */
  readonly advance?: ((ms: number) => unknown) | undefined
  /** Whose users these are: others may work on the same store. */
  readonly prefix: string
  /** How often each step came to something. */
  readonly done: Record<string, number>
}

const KINDS = ['create', 'load', 'commit', 'update', 'touch', 'renew', 'destroy', 'revoke', 'expire', 'look'] as const
type Kind = (typeof KINDS)[number]

export interface Step {
  readonly kind: Kind
  /** Which session, request, user or process. */
  readonly pick: number
  /** What happens to its first calls of the store. */
  readonly faults: readonly Fault[]
  readonly minutes: number
}

export function emptyModel(): Model {
  return { sessions: [], hands: [], names: 0, hasOpenRevoke: false }
}

function recordsFor(real: Real, { pick, faults }: Step): SessionRecords {
  const view = real.views[pick % real.views.length]!
  // so that writes carry their tags, as on every store that other processes write to
  const shared = { ...wrapBackend(view, (_operation, call) => call()), traits: { shared: true, atomicSwap: true } }
  let at = 0
  return recordsOn(faults.length === 0 ? shared : withFaults(shared, () => faults[at++] ?? 'none')).records
}

/** @returns `undefined` when it failed because of what happened to its calls, and only because of that */
async function tried<T>(step: Step, act: () => T | Promise<T>, mayBeGone = false): Promise<{ value: T } | undefined> {
  try {
    return { value: await act() }
  } catch (error) {
    const isExpected =
      error instanceof InjectedFault ||
      (isSessionError(error) && (step.faults.some((fault) => fault !== 'none') || (mayBeGone && error.code === 'gone')))
    if (!isExpected) throw error
    return undefined
  }
}

function mayMiss({ session, loaded }: Hand, at: number): boolean {
  const { keys, retiredAt } = session
  const left = retiredAt.get(loaded.key)
  const hops = keys.length - 1 - keys.indexOf(loaded.key)
  return session.mayHaveEnded || session.isMoved || at >= session.least || (left !== undefined && at >= left + FOLLOWED_MS) || hops > 14
}

const STEPS: Record<Kind, (model: Model, real: Real, step: Step) => Promise<boolean>> = {
  async create(model, real, step) {
    const { pick, minutes } = step
    const user = pick % 3 === 0 ? undefined : `${real.prefix}user${pick % 2}`
    const key = newId()
    const expiresAt = now() + minutes * MINUTE
    const next = change({ n: 0 }, { expiresAt, userId: user })
    const made = await tried(step, () => recordsFor(real, step).create(key, next), model.hasOpenRevoke)
    if (!made) return false
    const session: Known = {
      keys: [key],
      retiredAt: new Map(),
      user,
      ended: false,
      mayHaveEnded: false,
      isOpen: false,
      isMoved: false,
      acknowledged: new Set(),
      possible: new Set(['n']),
      counted: 0,
      unsure: 0,
      least: expiresAt,
      most: expiresAt
    }
    model.sessions.push(session)
    model.hands.push({ session, loaded: made.value })
    return true
  },

  async load(model, real, step) {
    const session = pickOf(model.sessions, step)
    if (!session) return false
    const key = session.keys[(step.pick >> 3) % session.keys.length]!
    const found = await tried(step, () => recordsFor(real, step).load(key))
    if (!found) return false
    if (found.value === undefined) {
      const isOld = key !== session.keys.at(-1)
      assert.ok(isOld || session.mayHaveEnded || session.isMoved || now() >= session.least, 'a session that lives was not found')
      return true
    }
    assert.equal(session.ended, false, 'a session that ended was found')
    assert.equal(session.retiredAt.has(key), false, 'a retired id was taken')
    check(session, found.value)
    model.hands.push({ session, loaded: found.value })
    return true
  },

  async commit(model, real, step) {
    const hand = pickOf(model.hands, step)
    if (!hand) return false
    const { session, loaded } = hand
    const name = `w${model.names++}`
    const expiresAt = now() + step.minutes * MINUTE
    session.possible.add(name)
    session.least = Math.min(session.least, expiresAt)
    session.most = Math.max(session.most, expiresAt)
    const next = change({ ...attributesOf(loaded.text), [name]: 1 }, { expiresAt, userId: loaded.userId })
    const written = await tried(step, () => recordsFor(real, step).commit(loaded, next))
    if (!written) session.isOpen = true
    else if (written.value === 'gone') {
      session.possible.delete(name)
      assert.ok(mayMiss(hand, now()), 'a write on a session that lives was dropped')
      drop(model, hand)
    } else {
      assert.equal(session.ended, false, 'a session that ended was written to')
      session.acknowledged.add(name)
    }
    // a request whose write failed is over; what it holds is not what is stored
    if (!written) drop(model, hand)
    return true
  },

  async update(model, real, step) {
    const hand = pickOf(model.hands, step)
    if (!hand) return false
    const { session, loaded } = hand
    session.unsure++
    const expiresAt = now() + step.minutes * MINUTE
    session.least = Math.min(session.least, expiresAt)
    session.most = Math.max(session.most, expiresAt)
    const counted = await tried(step, () =>
      recordsFor(real, step).update(loaded, loaded.text, (text, stored) => {
        const attributes = attributesOf(text)
        return change({ ...attributes, n: Number(attributes['n']) + 1 }, { expiresAt, userId: stored.userId })
      })
    )
    if (!counted) session.isOpen = true
    else {
      session.unsure--
      if (counted.value === 'gone') assert.ok(mayMiss(hand, now()), 'an update of a session that lives was dropped')
      else {
        assert.equal(session.ended, false, 'a session that ended was updated')
        session.counted++
      }
    }
    if (counted?.value !== 'saved' && counted?.value !== 'merged') drop(model, hand)
    return true
  },

  async touch(model, real, step) {
    const hand = pickOf(model.hands, step)
    if (!hand) return false
    const { session, loaded } = hand
    const expiresAt = now() + step.minutes * MINUTE
    const isNewest = loaded.key === session.keys.at(-1)
    // the marker of a renewal is no session: to lengthen its life lengthens none
    if (!isNewest) return false
    session.most = Math.max(session.most, expiresAt)
    const touched = await tried(step, () => recordsFor(real, step).touch(loaded, expiresAt))
    if (!touched) return false
    assert.ok(touched.value || mayMiss(hand, now()), 'a session that lives was not touched')
    // what points to an id that is dead may be lengthened: nobody is led there
    assert.ok(!touched.value || !session.ended || session.isMoved, 'a session that ended was touched')
    if (touched.value && !session.isOpen && !session.mayHaveEnded && !session.isMoved) session.least = Math.max(session.least, expiresAt)
    return true
  },

  async renew(model, real, step) {
    const hand = pickOf(model.hands, step)
    if (!hand) return false
    const { session, loaded } = hand
    const { key } = loaded
    const newKey = newId()
    const { expiresAt } = loaded.stored
    const next = change(attributesOf(loaded.text), { expiresAt, userId: loaded.userId })
    const renewed = await tried(step, () =>
      recordsFor(real, step).renew(loaded, newKey, next, { reason: 'asked', follow: true, overlapMs: 0 })
    )
    drop(model, hand)
    session.least = Math.min(session.least, expiresAt)
    if (!renewed) session.isOpen = session.isMoved = true
    else if (renewed.value === 'gone') {
      // of two renewals one wins, and the other one's request goes without
      assert.ok(mayMiss(hand, now()) || key !== session.keys.at(-1), 'a session that lives got no new id')
      assert.equal(
        await recordsFor(real, { ...step, faults: [] }).load(newKey),
        undefined,
        'the id of a renewal that came to nothing lives'
      )
    } else {
      assert.equal(session.ended, false, 'a session that ended got a new id')
      for (const old of session.keys) if (!session.retiredAt.has(old)) session.retiredAt.set(old, now())
      session.keys.push(newKey)
      session.most = Math.max(session.most, renewed.value.stored.expiresAt)
      model.hands.push({ session, loaded: renewed.value })
    }
    return true
  },

  async destroy(model, real, step) {
    const session = pickOf(model.sessions, step)
    if (!session) return false
    session.mayHaveEnded = true
    const done = await tried(step, () => recordsFor(real, step).destroy(session.keys.at(-1)!))
    // a renewal that may yet have come about leaves an id that only requests under way get to
    if (done && !session.isMoved) session.ended = true
    return done !== undefined
  },

  async revoke(model, real, step) {
    const user = `${real.prefix}user${step.pick % 2}`
    const theirs = model.sessions.filter((session) => session.user === user)
    for (const session of theirs) session.mayHaveEnded = true
    const done = await tried(step, () => recordsFor(real, step).users.revokeAll(user))
    if (!done) model.hasOpenRevoke = true
    if (done) for (const session of theirs) session.ended = true
    return done !== undefined && theirs.length > 0
  },

  async expire(model, real, { minutes }) {
    if (!real.advance) return false
    await real.advance(minutes * MINUTE)
    for (const session of model.sessions) if (now() >= session.most) session.ended = session.mayHaveEnded = true
    return true
  },

  async look(model, real, step) {
    const { records } = recordsOn(real.views[step.pick % real.views.length]!)
    for (const session of model.sessions) await look(session, records)
    for (const user of [`${real.prefix}user0`, `${real.prefix}user1`]) {
      const listed = new Set((await records.users.list(user)).map(({ key }) => key))
      for (const session of model.sessions.filter((one) => one.user === user)) {
        for (const key of session.keys) assert.ok(!session.ended || !listed.has(key), 'a session that ended is listed')
        const isSure = !session.mayHaveEnded && !session.isMoved && now() < session.least
        if (isSure) assert.ok(listed.has(session.keys.at(-1)!), 'a session of the user is not listed')
      }
    }
    return true
  }
}

async function look(session: Known, records: SessionRecords): Promise<void> {
  for (const key of session.keys) {
    const found = await records.find(key)
    if (found === undefined) {
      const isNewest = key === session.keys.at(-1)
      assert.ok(!isNewest || session.mayHaveEnded || session.isMoved || now() >= session.least, 'a session that lives is not there')
    } else {
      assert.ok(!session.ended, 'a session that ended is there')
      assert.ok(!session.retiredAt.has(key), 'a retired id finds the session')
      check(session, found)
    }
  }
}

/** Nothing acknowledged is lost, nothing refused is there, nothing counted twice. */
function check(session: Known, { text }: Loaded): void {
  const stored = attributesOf(text)
  for (const name of session.acknowledged) assert.ok(Object.hasOwn(stored, name), `${name} was acknowledged and is lost`)
  for (const name of Object.keys(stored)) assert.ok(session.possible.has(name), `${name} was refused and is there`)
  const n = Number(stored['n'])
  const { counted, unsure } = session
  assert.ok(n >= counted && n <= counted + unsure, `counted ${counted} to ${counted + unsure} times, stored ${n}`)
}

function pickOf<T>(all: readonly T[], { pick }: Step): T | undefined {
  return all[pick % Math.max(1, all.length)]
}

function drop(model: Model, hand: Hand): void {
  const at = model.hands.indexOf(hand)
  if (at !== -1) model.hands.splice(at, 1)
}

/** One step, held against the model. */
export async function perform(model: Model, real: Real, step: Step): Promise<void> {
  const cameToSomething = await STEPS[step.kind](model, real, step)
  if (cameToSomething) real.done[step.kind] = (real.done[step.kind] ?? 0) + 1
}

const FAULTS: readonly Fault[] = ['none', 'none', 'none', 'refused', 'lost', 'late', 'delayed', 'repeated', 'landing-late']

/** Any step. @param kinds which ones, more often those that are named more often */
export const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Kind>(...KINDS, 'load', 'commit', 'commit', 'update', 'update', 'renew', 'load'),
  pick: fc.nat(63),
  faults: fc.oneof(
    { arbitrary: fc.constant([]), weight: 3 },
    { arbitrary: fc.array(fc.constantFrom(...FAULTS), { maxLength: 6 }), weight: 2 }
  ),
  minutes: fc.integer({ min: 1, max: 40 })
})

/** A step as a command of fast-check's, which shrinks a run that fails to the steps that matter. */
export function asCommand(step: Step): fc.AsyncCommand<Model, Real> {
  return {
    check: () => true,
    run: (model, real) => perform(model, real, step),
    toString: () => `${step.kind}(${step.pick}${step.faults.length ? `, ${step.faults.join(' ')}` : ''}, ${step.minutes} min)`
  }
}

import { wrapBackend } from '../core/backend.ts'
import type { Operation, SessionBackend } from '../core/backend.ts'
import { later } from '../core/clock.ts'
import { seededRandom } from './random.ts'

/**
 * What can happen to a call on its way:
 * - `none`: nothing
 * - `refused`: it throws and nothing was done
 * - `lost`: it is done, but the answer does not arrive: it throws
 * - `late`: it is done at once, the answer comes some turns of the event loop later
 * - `delayed`: it is done only some turns later
 * - `repeated`: it is done twice, as by a client that sends again; the second answer arrives
 * - `landing-late`: it throws at once and is done some turns later all the same
 */
export type Fault = 'none' | 'refused' | 'lost' | 'late' | 'delayed' | 'repeated' | 'landing-late'

/** What a broken call throws. */
export class InjectedFault extends Error {
  readonly fault: Fault

  constructor(fault: Fault, operation: Operation) {
    super(`Injected fault: ${operation} was ${fault}.`)
    this.name = 'InjectedFault'
    this.fault = fault
  }
}

/** Chooses what happens to a call. @param count how many calls of this operation came before, in this backend and its spaces */
export type ChooseFault = (operation: Operation, count: number) => Fault

/** A backend to whose calls things happen. */
export function withFaults(backend: SessionBackend, choose: ChooseFault): SessionBackend {
  const counts = new Map<Operation, number>()
  return wrapBackend(backend, (operation, call) => {
    const count = counts.get(operation) ?? 0
    counts.set(operation, count + 1)
    const fault = choose(operation, count)
    return fault === 'none' ? call() : suffer(fault, operation, call)
  })
}

async function suffer(fault: Fault, operation: Operation, call: () => unknown): Promise<unknown> {
  if (fault === 'refused') throw new InjectedFault(fault, operation)
  if (fault === 'landing-late') {
    void turns(3)
      .then(call)
      .catch(() => {})
    throw new InjectedFault(fault, operation)
  }
  if (fault === 'delayed') await turns(3)
  let answer = await call()
  if (fault === 'repeated') answer = await call()
  if (fault === 'late') await turns(3)
  if (fault === 'lost') throw new InjectedFault(fault, operation)
  return answer
}

/** One kind of fault for some calls. @param which by default every call */
export function always(fault: Fault, which: (operation: Operation, count: number) => boolean = () => true): ChooseFault {
  return (operation, count) => (which(operation, count) ? fault : 'none')
}

/** Faults by chance, the same for the same seed. @param share of the calls to which something happens */
export function sometimes(faults: readonly Fault[], share: number, seed: number): ChooseFault {
  const random = seededRandom(seed)
  return () => (random() < share ? faults[Math.floor(random() * faults.length)]! : 'none')
}

/** The same backend, each call begun and answered zero to two turns of the event loop later: as a store behind a network. */
export function answersLater(backend: SessionBackend, seed = 1): SessionBackend {
  const random = seededRandom(seed)
  const upToTwo = (): number => Math.floor(random() * 3)
  return wrapBackend(backend, async (_operation, call) => {
    await turns(upToTwo())
    try {
      return await call()
    } finally {
      await turns(upToTwo())
    }
  })
}

/** Resolves after so many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => later(resolve))
}

import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel'
import type { MaybePromise, Operation } from './backend.ts'
import { isPromise } from './maybe.ts'

/** What is told about a store call. No keys, no data. */
export interface StoreCallTrace {
  readonly store: string
  readonly operation: Operation
  /** There at `end` when the answer comes later: then `asyncEnd` is the end. */
  pending?: true
  error?: unknown
}

const channels = new Map<Operation, TracingChannel>()

function channelOf(operation: Operation): TracingChannel {
  let channel = channels.get(operation)
  if (!channel) {
    channel = tracingChannel(`sessile:store:${operation}`)
    channels.set(operation, channel)
  }
  return channel
}

/**
 * Makes a store call seen on the tracing channel `sessile:store:<operation>` (`node:diagnostics_channel`). Costs one look when
 * nobody listens, and never makes an answer later than it is.
 */
export function traced<T>(operation: Operation, store: string, call: () => MaybePromise<T>): MaybePromise<T> {
  const channel = channelOf(operation)
  if (!channel.hasSubscribers) return call()
  const trace: StoreCallTrace = { store, operation }
  const failed = (error: unknown): never => {
    trace.error = error
    channel.error.publish(trace)
    throw error
  }
  return channel.start.runStores(trace, () => {
    try {
      const answer = call()
      if (!isPromise(answer)) return answer
      trace.pending = true
      const settled = () => {
        channel.asyncStart.publish(trace)
        channel.asyncEnd.publish(trace)
      }
      return answer.then(undefined, failed).finally(settled)
    } catch (error) {
      return failed(error)
    } finally {
      channel.end.publish(trace)
    }
  })
}

import { signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Action, ActionDone, Problem, Start } from '../../sessile/src/monitor/api-types.ts'

/** What the server refuses or cannot do, in its words. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.error ?? `The server answered ${status}.`)
    this.code = problem.code ?? 'failed'
    this.status = status
  }
}

/** What the page was told first. */
export const start = signal<Start | undefined>(undefined)

/** Everything that was loaded is loaded anew when it moves: after a gap in the live feed, after an action. */
export const epoch = signal(0)

async function answer<T>(response: Response): Promise<T> {
  const body = (await response.json().catch(() => ({}))) as T & Partial<Problem>
  if (!response.ok) throw new ApiError(response.status, body)
  return body
}

/** Asks for `api/PATH`; addresses are relative, so that any mount path will do. */
export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answer<T>(await fetch(`api/${path}`, { credentials: 'same-origin', ...(signal ? { signal } : {}) }))
}

export async function act(action: Action): Promise<ActionDone> {
  let ended = 0
  for (;;) {
    const response = await fetch('api/act', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json', 'x-sessile-dashboard': '1' },
      body: JSON.stringify(action)
    })
    const done = await answer<ActionDone>(response)
    ended += done.ended
    if (!done.more || done.ended === 0) {
      epoch.value += 1
      return { ...done, ended, more: false }
    }
  }
}

export interface Loaded<T> {
  readonly data: T | undefined
  readonly error: Error | undefined
  readonly loading: boolean
  reload(): void
}

/**
 * What `api/PATH` says, loaded anew with the path, with `epoch`, and by `reload`.
 * @param keep whether what another path said stays until this one is there: for the pages of one list
 */
export function useLoaded<T>(path: string, keep = false): Loaded<T> {
  const data = useSignal<{ path: string; data: T } | undefined>(undefined)
  const error = useSignal<Error | undefined>(undefined)
  const loading = useSignal(true)
  const again = useSignal(0)
  const asked = `${epoch.value} ${again.value}`
  useEffect(() => {
    const stop = new AbortController()
    loading.value = true
    read<T>(path, stop.signal).then(
      (found) => {
        data.value = { path, data: found }
        error.value = undefined
        loading.value = false
      },
      (cause: unknown) => {
        if (stop.signal.aborted) return
        error.value = cause as Error
        loading.value = false
      }
    )
    return () => stop.abort()
  }, [path, asked])
  return {
    data: keep || data.value?.path === path ? data.value?.data : undefined,
    error: error.value,
    loading: loading.value,
    reload: () => void (again.value += 1)
  }
}

import { signal, useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Action } from '../../../sessile/src/monitor/api-types.ts'
import { act, ApiError, start } from '../api.ts'
import { count } from '../format.ts'

export interface Asking {
  readonly action: Action
  readonly title: string
  readonly text: string
  readonly button: string
  readonly done?: () => void
}

const asking = signal<Asking | undefined>(undefined)
/** What was done, said for a while. */
export const notice = signal('')
let clearing: ReturnType<typeof setTimeout> | undefined

function say(text: string): void {
  notice.value = text
  clearTimeout(clearing)
  clearing = setTimeout(() => (notice.value = ''), 6000)
}

/** Asks whether it is meant, then does it. */
export function ask(what: Asking): void {
  asking.value = what
}

function ConfirmLink() {
  const path = start.value?.confirmPath
  if (!path) return <>Sign in again, then come back.</>
  const next = encodeURIComponent(location.pathname)
  return <a href={`${path}${path.includes('?') ? '&' : '?'}next=${next}`}>Confirm who you are</a>
}

/** The one dialog of the page. */
export function Confirm() {
  const dialog = useRef<HTMLDialogElement>(null)
  const error = useSignal<Error | undefined>(undefined)
  const busy = useSignal(false)
  const what = asking.value
  useLayoutEffect(() => {
    error.value = undefined
    busy.value = false
    if (what) dialog.current!.showModal()
    else dialog.current!.close()
  }, [what])

  async function go(): Promise<void> {
    busy.value = true
    try {
      const { ended, changed } = await act(what!.action)
      asking.value = undefined
      if (changed !== undefined) say('That was done.')
      else say(`${count(ended)} ${ended === 1 ? 'session was' : 'sessions were'} ended.`)
      what!.done?.()
    } catch (cause) {
      error.value = cause as Error
      busy.value = false
    }
  }

  const stale = error.value instanceof ApiError && error.value.code === 'reauthentication-required'
  return (
    // the event comes later than the closing: by then it may be open again, for another question
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={() => dialog.current!.open || (asking.value = undefined)}>
      {what && (
        <>
          <h2 id="confirm-title">{what.title}</h2>
          <p>{what.text}</p>
          {error.value && (
            <p class="wrong" role="alert">
              {error.value.message} {stale && <ConfirmLink />}
            </p>
          )}
          <div class="buttons">
            <button type="button" onClick={() => (asking.value = undefined)}>
              Cancel
            </button>
            <button type="button" class="danger" disabled={busy.value} onClick={go}>
              {busy.value ? 'One moment …' : what.button}
            </button>
          </div>
        </>
      )}
    </dialog>
  )
}

import { epoch } from './api.ts'

const ATTENDED_MS = 5 * 60_000
let lastInput = Date.now()

/**
 * Whether somebody is at the page. What it asks for by itself is a use of the session of whoever looks: a page that was left open must not
 * keep that from ending unused. What comes live goes on.
 */
export function isAttended(): boolean {
  return !document.hidden && Date.now() - lastInput < ATTENDED_MS
}

for (const event of ['pointermove', 'pointerdown', 'keydown', 'scroll']) {
  addEventListener(
    event,
    () => {
      const wasAway = Date.now() - lastInput >= ATTENDED_MS
      lastInput = Date.now()
      if (wasAway) epoch.value += 1
    },
    { passive: true, capture: true }
  )
}

import type { Loaded } from '../api.ts'

/** What stands in place of what is not there yet, or cannot be had. */
export function State({ of }: { of: Loaded<unknown> }) {
  if (of.error) {
    return (
      <p class="wrong" role="alert">
        {of.error.message}{' '}
        <button type="button" class="small" onClick={of.reload}>
          Try again
        </button>
      </p>
    )
  }
  return of.data === undefined && of.loading ? <p class="quiet">Loading …</p> : null
}

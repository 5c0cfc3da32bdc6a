/** What the dashboard calls each event, in a few words. */
export const EVENT_NAMES: Readonly<Record<string, string>> = {
  created: 'Session stored',
  renewed: 'New id',
  'signed-in': 'Signed in',
  destroyed: 'Ended by itself',
  revoked: 'Ended from outside',
  expired: 'Ran out',
  merged: 'Two changes kept',
  'late-write': 'Late write dropped',
  'unreadable-record': 'Unreadable record',
  'unknown-id': 'Unknown id',
  'retired-id': 'Replaced id used',
  'store-error': 'Store failed',
  warning: 'Set up unsafely',
  refused: 'Refused',
  admin: 'Administrator',
  alert: 'Alert'
}

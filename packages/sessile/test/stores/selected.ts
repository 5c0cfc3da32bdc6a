/**
 * Whether the tests of a store are to run: `STORES=redis,sqlite npm test` names the ones that are, without it all are.
 * The tests of others are then not registered, so they are neither passed nor skipped.
 */
export function isSelected(store: string): boolean {
  const names = (process.env['STORES'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  return names.length === 0 || names.includes(store)
}

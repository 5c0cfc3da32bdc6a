/** Says whose a session is, by its attributes. */
export type UserIdOf = (attributes: Record<string, unknown>) => unknown

/**
 * Whose a session is, as the index has it; `undefined`: nobody's. Text that is not empty, or a number, counts.
 * @param userIdOf asked first; then the attribute `userId`, then Passport's user
 */
export function userOf(attributes: object, userIdOf?: UserIdOf): string | undefined {
  const { userId, passport } = attributes as { userId?: unknown; passport?: { user?: unknown } | null }
  const user = userIdOf?.(attributes as Record<string, unknown>) ?? userId ?? passport?.user
  return (typeof user === 'string' && user !== '') || typeof user === 'number' ? String(user) : undefined
}

import { z } from 'zod'
import { faultOf } from './password-rules.ts'

const MAX_EMAIL = 254

/** Longer than any that can be chosen; what is longer still is wrong without being hashed. */
const password = z.string().min(1, 'Must not be empty').max(1_024, 'Must be at most 1024 characters long')
/** What is wrong with it whoever's it is, so that it is told together with the other fields' faults. */
const newPassword = z.string().superRefine((text, context) => {
  const fault = faultOf(text)
  if (fault !== undefined) context.addIssue({ code: 'custom', message: sentence(fault) })
})
const email = z.string().max(MAX_EMAIL, `Must be at most ${MAX_EMAIL} characters long`).pipe(z.email('Must be an email address'))

export const registration = z.object({
  username: z.string().regex(/^[A-Za-z0-9._-]{3,30}$/, 'Must be 3 to 30 letters, digits, dots, underscores or hyphens'),
  email,
  password: newPassword
})
export const login = z.object({
  // A NUL is in nobody's name, and PostgreSQL refuses to look for it.
  username: z
    .string()
    .min(1, 'Must not be empty')
    .max(MAX_EMAIL, `Must be at most ${MAX_EMAIL} characters long`)
    .regex(/^[^\0]*$/, 'Must be text'),
  password
})
export const passwordChange = z.object({ currentPassword: password, newPassword })
export const emailChange = z.object({ email, currentPassword: password })
export const deletion = z.object({ currentPassword: password })
export const confirmation = z.object({ password })
export const setup = z.object({ secret: z.string().min(1, 'Must not be empty').max(256, 'Must be at most 256 characters long') })

/** A fault in words, at the beginning of a line. */
export function sentence(reason: string): string {
  return `${reason[0]!.toUpperCase()}${reason.slice(1)}`
}

import type { Request } from 'express'

/** One page: what it is called and what it needs to know. What it looks like is in `views/`, under its own name. */
export interface Page {
  /** The name of its template. */
  readonly view: string
  readonly title: string
  /** What the template calls `it.page`. */
  load(req: Request): Promise<object>
}

/** A form that was sent and refused, to be shown again with what was wrong and what was typed. */
export interface Problem {
  /** Which of the page's forms. */
  readonly form: string
  readonly message: string
  /** What is wrong with a field, by its name. */
  readonly fields: Readonly<Record<string, string>>
  /** What is wrong with a line of the cart, by its product. */
  readonly lines: Readonly<Record<string, string>>
  /** What was typed, by the field's name; never a password. */
  readonly typed: Readonly<Record<string, string>>
}

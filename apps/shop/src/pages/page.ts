import type { Request } from 'express'
import type { Standing, Visitor } from './reading.ts'

/** One page: what it is called and what it needs to know. What it looks like is in `views/`, under its own name. */
export interface Page {
  /** The name of its template. */
  readonly view: string
  readonly title: string | ((loaded: never) => string)
  /**
   * What the template calls `it.page`. With `standing` in it, what stands around the page need not be read apart.
   * @param problem what was wrong with a form of this page, when it is shown again
   */
  load(req: Request, visitor: Visitor, problem: Problem | undefined): Promise<object & { readonly standing?: Standing }>
}

/** A form that was sent and refused, to be shown again with what was wrong and what was typed. */
export interface Problem {
  /** Which of the page's forms. */
  readonly form: string
  readonly code: string
  readonly message: string
  /** What is wrong with a field, by its name. */
  readonly fields: Readonly<Record<string, string>>
  /** What is wrong with a line of the cart, by its product. */
  readonly lines: Readonly<Record<string, string>>
  /** What was typed, by the field's name; never a password. */
  readonly typed: Readonly<Record<string, string>>
}

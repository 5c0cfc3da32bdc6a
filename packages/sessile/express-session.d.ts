/**
 * For augmentations that were written for `express-session` where this package is installed under its own name:
 * `/// <reference types="sessile/express-session" />`, once.
 */
declare module 'express-session' {
  import session = require('sessile')
  export = session
}

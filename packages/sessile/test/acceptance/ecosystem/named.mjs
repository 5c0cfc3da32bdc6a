// ECMAScript modules: the default, the names, and the same things as `require` gives.
import assert from 'node:assert'
import { createRequire } from 'node:module'
import session, { Cookie, MemoryStore, Session, Store } from 'express-session'
import * as all from 'express-session'

const required = createRequire(import.meta.url)('express-session')
assert.strictEqual(session, required)
assert.strictEqual(all.default, session)
for (const [name, one] of Object.entries({ Cookie, MemoryStore, Session, Store })) assert.strictEqual(one, required[name], name)
console.log('fine')

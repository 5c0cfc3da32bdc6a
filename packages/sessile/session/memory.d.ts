import session = require('../index.js')

declare const MemoryStore: typeof session.MemoryStore
type MemoryStore = session.MemoryStore
export = MemoryStore

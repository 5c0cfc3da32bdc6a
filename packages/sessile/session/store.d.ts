import session = require('../index.js')

declare const Store: typeof session.Store
type Store = session.Store
export = Store

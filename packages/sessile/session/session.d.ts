import session = require('../index.js')

declare const Session: typeof session.Session
type Session = session.Session
export = Session

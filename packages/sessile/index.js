'use strict'

const entry = require('./dist/entries/index.js')

// named one by one: that is how ES modules find out what a CommonJS file exports
exports = module.exports = entry.session
exports.Store = entry.Store
exports.Cookie = entry.Cookie
exports.Session = entry.Session
exports.MemoryStore = entry.MemoryStore
exports.BackendStore = entry.BackendStore
exports.SessionError = entry.SessionError
exports.isSessionError = entry.isSessionError

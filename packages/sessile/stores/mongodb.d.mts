export * from '../dist/entries/mongodb.js'
export { MongoStore as default } from '../dist/entries/mongodb.js'

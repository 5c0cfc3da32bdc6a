// to ES modules a CommonJS file's default export is all that it exports; connect-mongo's is the class
export { MongoStore, MongoStore as default, createKrupteinAdapter, createWebCryptoAdapter, mongodbStore } from '../dist/entries/mongodb.js'

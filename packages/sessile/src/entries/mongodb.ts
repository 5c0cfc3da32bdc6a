export { mongodbStore } from '../stores/mongodb/backend.ts'
export type { MongoClientLike, MongoCollection, MongoDb } from '../stores/mongodb/client.ts'
export type { MongodbStoreOptions } from '../stores/mongodb/options.ts'

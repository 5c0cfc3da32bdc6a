export { memoryStore } from '../stores/memory/backend.ts'
export type { MemoryStoreOptions } from '../stores/memory/options.ts'

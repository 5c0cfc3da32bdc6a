export { redisStore } from '../stores/redis/backend.ts'
export type { IoredisClient, IoredisCluster, NodeRedisClient, NodeRedisCluster, RedisClient } from '../stores/redis/client.ts'
export type { RedisStoreOptions } from '../stores/redis/options.ts'

import { createHash } from 'node:crypto'
import type { RedisConnection } from './client.ts'

/**
 * Every script of the store. Redis runs one script or command at a time, to its end: what a script has looked at is still so
 * when it writes. Each touches one key, so that a cluster finds a server for it.
 *
 * Scripts also where a plain command would read: clients that spread reads over replicas leave scripts to the master. They keep
 * to what Redis 6.2 knows; JSON is never decoded in them.
 */
export interface Script {
  readonly text: string
  readonly sha: string
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/**
 * When a key expires: epoch ms; -1 where it never does, -2 where it is not there. The command is one of Redis 7; before that it is
 * reckoned from the remaining time, which may come out a millisecond late, never early.
 */
const ENDS = `
local function ends(key)
  local at = redis.pcall('PEXPIRETIME', key)
  if type(at) == 'number' then return at end
  local left = redis.call('PTTL', key)
  if left < 0 then return left end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000) + left
end
`

/** () -> text, end. One call, so that both are of one moment. */
export const READ = script(`${ENDS}
local data = redis.call('GET', KEYS[1])
if not data then return false end
return {data, ends(KEYS[1])}
`)

/** The answers of `SWAP`. */
export const SWAPPED = 1
export const SWAP_CHANGED = 0

/**
 * (expected text, next text, end or nothing) -> 1 done, 0 changed, -1 gone. The text itself is the version, so that what an older
 * writer stores is noticed too. Texts are compared byte by byte.
 */
export const SWAP = script(`
local data = redis.call('GET', KEYS[1])
if not data then return -1 end
if data ~= ARGV[1] then return 0 end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3]) end
return 1
`)

/** (end or nothing) -> 1, or 0 where there is no such key. An end is moved later only: of any number at once the latest counts. */
export const EXTEND = script(`${ENDS}
local at = ends(KEYS[1])
if at == -2 then return 0 end
if at == -1 then return 1 end
if ARGV[1] == '' then redis.call('PERSIST', KEYS[1])
elseif at < tonumber(ARGV[1]) then redis.call('PEXPIREAT', KEYS[1], ARGV[1]) end
return 1
`)

/**
 * (channel or nothing, message) -> text, end: of what this call deleted, so it is answered to one caller only. Who may not publish
 * still deletes.
 */
export const REMOVE = script(`${ENDS}
local data = redis.call('GET', KEYS[1])
if not data then return false end
local at = ends(KEYS[1])
redis.call('DEL', KEYS[1])
if ARGV[1] ~= '' then redis.pcall('PUBLISH', ARGV[1], ARGV[2]) end
return {data, at}
`)

/**
 * The index of a user is a sorted set of record keys. A score is two numbers: the second until which the entry is kept, and in its
 * last five digits the minute at which it was written. Both fit into a double exactly.
 *
 * (key, until, enough or nothing) Adds an entry, or lengthens it: the latest of any number at once counts. An entry that lasts long
 * enough stays as it is; where nothing is said of that it gets a new minute at least. What is over is dropped on the way, and
 * the set as a whole lives as long as its longest entry.
 */
export const INDEX = script(`
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known and ARGV[3] ~= '' and math.floor(known / 100000) >= tonumber(ARGV[3]) then return 0 end
local now = tonumber(redis.call('TIME')[1])
local till = tonumber(ARGV[2])
if known then till = math.max(till, math.floor(known / 100000)) end
redis.call('ZADD', KEYS[1], string.format('%.0f', till * 100000 + math.floor(now / 60) % 100000), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now * 100000))
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('EXPIREAT', KEYS[1], string.format('%.0f', math.floor(last[2] / 100000) + 1))
return 1
`)

/**
 * (latest moment in s, key, ...) Takes entries out whose records are gone, or another's by now. Only what was written two minutes
 * ago or earlier: a younger one may be of a record that is about to be written, since the index goes first. And only in time: what
 * a client has sent again much later knows nothing of what happened since.
 */
export const UNINDEX = script(`
local now = tonumber(redis.call('TIME')[1])
if now > tonumber(ARGV[1]) then return 0 end
for at = 2, #ARGV do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[at])
  if score and (math.floor(now / 60) - score % 100000) % 100000 >= 2 then redis.call('ZREM', KEYS[1], ARGV[at]) end
end
return 1
`)

/** () -> the keys whose entries are not over. */
export const INDEXED = script(`
return redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', redis.call('TIME')[1] * 100000), '+inf')
`)

/** () -> 1 or 0. */
export const EXISTS = script(`return redis.call('EXISTS', KEYS[1])`)

/** Runs a script by its hash: one round trip. A server that does not know it yet, or any more, is sent the text. */
export function run(connection: RedisConnection, { sha, text }: Script, key: string, ...args: string[]): Promise<unknown> {
  return connection.command(key, ['EVALSHA', sha, '1', key, ...args]).catch((error: unknown) => {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return connection.command(key, ['EVAL', text, '1', key, ...args])
  })
}

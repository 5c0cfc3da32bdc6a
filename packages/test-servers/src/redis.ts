import { connect } from 'node:net'
import { onPath, packageRoot, platform, relinked, temporaryFolder, versionOf } from './files.ts'
import type { Found, Missing, Source, StartOptions } from './kinds.ts'
import { onFreePort } from './ports.ts'
import { ServerProcess } from './server.ts'

export function findRedis(source: Exclude<Source, 'env'>): Found | Missing {
  if (source === 'path') {
    const command = onPath('redis-server') ?? onPath('valkey-server')
    return command ? { command, version: versionOf(command) } : { missing: 'neither redis-server nor valkey-server is on the PATH' }
  }
  const name = `@falkordblite/${platform()}`
  const root = packageRoot(name)
  if (!root) return { missing: `${name} is not installed` }
  const files = relinked(root, ['bin/redis-server'])
  if ('missing' in files) return files
  return { command: files.paths[0]!, version: versionOf(files.paths[0]!) }
}

export function createRedis(found: Found, options: StartOptions): Promise<ServerProcess> {
  return onFreePort((port) => startRedis(found, port, options.args))
}

export async function startRedis({ command }: Found, port: number, more: readonly string[] = []): Promise<ServerProcess> {
  const server = new ServerProcess(`redis://127.0.0.1:${port}`, temporaryFolder('redis'), {
    command,
    // An acknowledged write survives SIGKILL with fsync `no`: it is handed to the system before the reply. With `everysec`, the
    // default, Redis holds it back during an fsync, and then a crash loses it (1 in 60 seen).
    args: `--bind 127.0.0.1 --port ${port} --dir . --appendonly yes --appendfsync no --save`.split(' ').concat('', more),
    ready: async () => (await redisCommands(port, ['PING']))[0] === 'PONG'
  })
  try {
    return await server.start()
  } catch (error) {
    server.discard()
    throw error
  }
}

/** Sends inline commands, returns the replies, of an array its members: no client is needed for the set-up. */
export async function redisCommands(port: number, commands: readonly string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(2000, () => socket.destroy(new Error('timeout')))
  try {
    const replies: string[] = []
    let expected = commands.length
    let text = ''
    socket.write(commands.map((command) => `${command}\r\n`).join(''))
    for await (const chunk of socket.setEncoding('latin1')) {
      text += chunk
      for (let match; (match = /^(?:[+\-:](.*)\r\n|\$(\d+)\r\n|\*(\d+)\r\n)/.exec(text));) {
        const [all, line, size, members] = match
        if (members !== undefined) {
          expected += Number(members) - 1
          text = text.slice(all.length)
          continue
        }
        const end = all.length + (size ? Number(size) + 2 : 0)
        if (text.length < end) break
        replies.push(line ?? text.slice(all.length, end - 2))
        text = text.slice(end)
      }
      if (replies.length >= expected) return replies
    }
    throw new Error('The connection was closed.')
  } finally {
    socket.destroy()
  }
}

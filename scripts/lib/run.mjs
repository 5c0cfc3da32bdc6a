// Starts other programs: waits for them, hands signals on, and answers with how they ended.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's folder. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The environment with the folder of a Node binary first in PATH, so that `#!/usr/bin/env node` finds it too. */
export function withNode(node, env = process.env) {
  const name = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  return { ...env, [name]: [dirname(node), env[name]].filter(Boolean).join(delimiter) }
}

/**
 * Runs a program in the repository's folder with our own input and output, and hands signals on to it.
 * @returns the exit code; 128 + n when it was ended by a signal; 127 when there is no such program
 */
export function run(command, args, { env = process.env, cwd = ROOT, stdio = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio })
    // A terminal sends Ctrl-C to both of us; handing it on would make it two.
    const signals = process.stdin.isTTY ? ['SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP']
    const ignore = () => {}
    if (process.stdin.isTTY) process.on('SIGINT', ignore)
    const handOn = (signal) => child.kill(signal)
    for (const signal of signals) process.on(signal, handOn)
    const done = () => {
      process.off('SIGINT', ignore)
      for (const signal of signals) process.off(signal, handOn)
    }
    child.once('error', (error) => {
      done()
      if (error.code === 'ENOENT') resolve(127)
      else reject(error)
    })
    child.once('close', (code, signal) => {
      done()
      resolve(signal === null ? code : 128 + (constants.signals[signal] ?? 0))
    })
  })
}

/** Runs a program and collects what it prints (both streams); for steps whose output matters only when they fail. */
export async function runQuietly(command, args, options = {}) {
  let output = ''
  const code = await new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], ...options })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    child.once('error', (error) => (error.code === 'ENOENT' ? resolve(127) : reject(error)))
    child.once('close', (code, signal) => resolve(signal === null ? code : 128 + (constants.signals[signal] ?? 0)))
  })
  return { code, output }
}

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { onPath } from './files.ts'

/** On Linux the system itself ends the server when this process dies, however it dies. */
export function withParentDeathSignal(command: string): [string, ...string[]] {
  const setpriv = process.platform === 'linux' ? onPath('setpriv') : undefined
  return setpriv ? [setpriv, '--pdeathsig', 'KILL', command] : [command]
}

/** Sends a signal to a process that may have ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // it has ended
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) // a zombie has ended
  } catch {
    return process.platform !== 'linux'
  }
}

/** A process and all its descendants, the parent first. */
export function withDescendants(root: number): number[] {
  const children = processTable()
  const found = [root]
  for (const parent of found) found.push(...(children.get(parent) ?? []))
  return found
}

/** The children of each process. */
function processTable(): Map<number, number[]> {
  const table = new Map<number, number[]>()
  const add = (pid: number, parent: number): unknown => table.set(parent, [...(table.get(parent) ?? []), pid])
  if (process.platform !== 'linux') {
    for (const line of execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')) {
      const [pid, parent] = line.trim().split(/\s+/).map(Number)
      add(pid!, parent!)
    }
    return table
  }
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      add(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // it has ended
    }
  }
  return table
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import type { FakeClock } from '../../src/testing/fake-clock.ts'
import type { BackendHarness } from '../../src/testing/harness.ts'

/** A clock for each test, put back by `clean`. */
function withClock(): Pick<BackendHarness, 'advance'> & { start(): void; stop(): void } {
  let clock: FakeClock | undefined
  return {
    start() {
      clock ??= fakeClock()
    },
    advance: (ms) => clock!.advance(ms),
    stop() {
      clock?.restore()
      clock = undefined
    }
  }
}

export function memoryHarness(): BackendHarness {
  const clock = withClock()
  return {
    name: 'memory',
    make() {
      clock.start()
      return memoryStore()
    },
    advance: clock.advance!,
    clean: clock.stop
  }
}

/** A temporary folder that is removed by `clean`. */
export function temporaryFolder(): { path(name: string): string; clean(): void } {
  let folder: string | undefined
  return {
    path(name) {
      folder ??= mkdtempSync(join(tmpdir(), 'sessile-'))
      return join(folder, name)
    },
    clean() {
      if (folder) rmSync(folder, { recursive: true, force: true })
      folder = undefined
    }
  }
}

/** Two connections to one file; a third one holds the write lock to stop both. */
export function sqliteHarness(): BackendHarness {
  const clock = withClock()
  const folder = temporaryFolder()
  let made = 0
  let file = ''
  let lock: DatabaseSync | undefined
  return {
    name: 'sqlite',
    make() {
      clock.start()
      file = folder.path(`deeper/${++made}.db`)
      return sqliteStore({ file, busyTimeout: 300 })
    },
    another: () => sqliteStore({ file, busyTimeout: 300 }),
    advance: clock.advance!,
    stop() {
      lock = new DatabaseSync(file)
      lock.exec('BEGIN IMMEDIATE')
    },
    start() {
      lock?.close()
      lock = undefined
    },
    clean() {
      lock?.close()
      lock = undefined
      clock.stop()
      folder.clean()
    }
  }
}

/** A database in memory: the same statements, seen by one process alone. */
export function sqliteInMemoryHarness(): BackendHarness {
  const clock = withClock()
  return {
    name: 'sqlite in memory',
    make() {
      clock.start()
      return sqliteStore({ file: ':memory:' })
    },
    advance: clock.advance!,
    clean: clock.stop
  }
}

// Counts what the events of node:test's run() tell, file by file. Suites are not counted, only tests.
// Of the events only those are used that come as things happen; test:pass and test:fail wait for earlier files, test:complete does not.

/** @typedef {{ path: string, passed: number, skipped: { title: string, reason: unknown }[], failures: { title: string, line?: number, error: unknown }[], output: string, ms: number }} FileResult */

export class Tally {
  #all = new Map()
  #open = new Set()
  #done = []

  /** @param {string[]} files absolute paths of the files that are going to run */
  constructor(files) {
    for (const path of files) {
      this.#open.add(path)
      this.#all.set(path, { path, passed: 0, skipped: [], failures: [], output: '', ms: 0, names: [] })
    }
  }

  /** @returns {FileResult | undefined} the file's result when this event ends it */
  take({ type, data }) {
    const path = data?.entryFile ?? data?.file
    const file = this.#all.get(path)
    if (!file) return undefined
    // what a process printed may come after its end
    if (type === 'test:stdout' || type === 'test:stderr') file.output += data.message
    else if (type === 'test:dequeue' && data.name !== path) file.names[data.nesting] = data.name
    else if (type === 'test:complete' && data.name === path) return this.#end(file, data.details)
    else if (type === 'test:complete') this.#outcome(file, data)
    return undefined
  }

  #outcome(file, data) {
    const { error, type } = data.details ?? {}
    const title = [...file.names.slice(0, data.nesting), data.name].join(' > ')
    // what failed because of its own tests needs no telling: they tell themselves
    const failed = error !== undefined && error !== null && error.failureType !== 'subtestsFailed'
    if (data.skip !== undefined) file.skipped.push({ title, reason: data.skip })
    else if (data.todo !== undefined) return
    else if (failed) file.failures.push({ title, line: data.line, error: error.cause ?? error })
    else if (type !== 'suite' && !error) file.passed++
  }

  #end(file, { duration_ms, error } = {}) {
    this.#open.delete(file.path)
    file.ms = duration_ms ?? 0
    if (error && error.failureType !== 'subtestsFailed') {
      file.failures.push({
        title: 'The file itself failed',
        error: `Its process ended with ${error.signal ? error.signal : `exit code ${error.exitCode}`}.`
      })
    } else if (file.passed + file.skipped.length + file.failures.length === 0) {
      file.failures.push({ title: 'No test in this file', error: 'A test file has to hold at least one test.' })
    }
    this.#done.push(file)
    return file
  }

  /** The files that have not ended. */
  unfinished() {
    return [...this.#open]
  }

  /** The files in which something failed. */
  failed() {
    return this.#done.filter((file) => file.failures.length > 0)
  }

  /** Everything so far. */
  total() {
    const sum = (pick) => this.#done.reduce((total, file) => total + pick(file), 0)
    return {
      passed: sum((file) => file.passed),
      failed: sum((file) => file.failures.length),
      skipped: this.#done.flatMap((file) => file.skipped.map((skip) => ({ path: file.path, ...skip }))),
      files: this.#done.map((file) => file.path)
    }
  }
}

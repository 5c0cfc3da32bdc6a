// Counts what the events of node:test's run() tell, file by file. Suites are not counted, only tests.

/** @typedef {{ path: string, passed: number, skipped: { title: string, reason: unknown }[], failures: { title: string, line?: number, error: unknown }[], output: string, ms: number }} FileResult */

export class Tally {
  #open = new Map()
  #done = []

  /** @param {string[]} files absolute paths of the files that are going to run */
  constructor(files) {
    for (const path of files) this.#open.set(path, { path, passed: 0, skipped: [], failures: [], output: '', ms: 0, names: [] })
  }

  /** @returns {FileResult | undefined} the file's result when this event ends it */
  take({ type, data }) {
    const path = data?.entryFile ?? data?.file
    const file = this.#open.get(path)
    if (!file) return undefined
    if (type === 'test:stdout' || type === 'test:stderr') file.output += data.message
    else if (type === 'test:start' && data.name !== path) file.names[data.nesting] = data.name
    else if (type === 'test:pass' || type === 'test:fail') this.#outcome(file, type === 'test:pass', data)
    else if (type === 'test:complete' && data.name === path) return this.#end(file, data.details)
    return undefined
  }

  #outcome(file, pass, data) {
    if (data.name === file.path) return // Node's own test around a file: #end looks at it
    const title = [...file.names.slice(0, data.nesting), data.name].join(' > ')
    if (data.skip !== undefined) file.skipped.push({ title, reason: data.skip })
    else if (data.todo !== undefined) return
    else if (data.details?.type === 'suite') {
      // A suite fails because of its tests, which tell themselves; or because its own body or hook did.
      if (!pass && data.details.error?.failureType !== 'subtestsFailed') file.failures.push(failure(title, data))
    } else if (pass) file.passed++
    else if (data.details?.error?.failureType !== 'subtestsFailed') file.failures.push(failure(title, data))
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
    return [...this.#open.keys()]
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

function failure(title, data) {
  return { title, line: data.line, error: data.details?.error?.cause ?? data.details?.error }
}

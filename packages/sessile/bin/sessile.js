#!/usr/bin/env node
'use strict'

const { main } = require('../dist/cli/main.js')
const { version } = require('../package.json')

main(process.argv.slice(2), process, version).then((code) => {
  process.exitCode = code
})

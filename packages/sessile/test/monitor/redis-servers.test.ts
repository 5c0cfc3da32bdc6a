import { serverFor } from '../../../test-servers/src/index.ts'
import { freshPrefix } from '../stores/redis-harness.ts'
import { isSelected } from '../stores/selected.ts'
import { freshly, monitorSuite } from './on-servers.ts'

const server = isSelected('redis') ? await serverFor('the monitor on redis', 'redis') : undefined
if (server) {
  monitorSuite(
    'redis',
    freshly(() => `${server.url}?prefix=${freshPrefix()}`)
  )
}

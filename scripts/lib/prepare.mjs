// What every command needs before it can do its own work: dependencies, Node 24, the built package.
import { build } from './build.mjs'
import { install } from './install.mjs'
import { findNode24 } from './node24.mjs'

/**
 * @param {'shop' | 'examples' | 'all'} scope what has to be installed
 * @returns {Promise<string>} the path of Node 24
 */
export async function prepare(scope) {
  await install(scope)
  const node = await findNode24()
  await build(node)
  return node
}

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { it } from 'node:test'
import { startShop, temporaryFolder } from './helpers.ts'

it('a shop that cannot be started leaves nothing open', async () => {
  await using folder = await temporaryFolder()
  await using shop = await startShop()
  const { TMPDIR } = process.env
  process.env['TMPDIR'] = folder.path
  const held = () => process.getActiveResourcesInfo().filter((name) => /Server|Timeout/.test(name))
  const before = held()
  try {
    await assert.rejects(startShop({ PORT: new URL(shop.url).port }), { code: 'EADDRINUSE' })
    assert.deepEqual(await readdir(folder.path), [])
    assert.deepEqual(held(), before)
  } finally {
    if (TMPDIR === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = TMPDIR
  }
})

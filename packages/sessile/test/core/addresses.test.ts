import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressBucket } from '../../src/core/addresses.ts'

describe('addressBucket', () => {
  const rows: readonly [string | undefined, string][] = [
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
    ['[::ffff:203.0.113.7]:4711', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:0db8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2:0:0:0:0/64'],
    ['[2001:db8:1:2::9]:443', '2001:db8:1:2:0:0:0:0/64'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:0/64'],
    ['::1', '0:0:0:0:0:0:0:0/64'],
    ['1::', '1:0:0:0:0:0:0:0/64'],
    [undefined, 'unknown '],
    ['', 'unknown '],
    ['unix:', 'unknown unix:'],
    ['010.0.0.1', 'unknown 010.0.0.1']
  ]
  for (const [address, bucket] of rows) it(`${address}: ${bucket}`, () => assert.equal(addressBucket(address), bucket))

  it('cuts anywhere', () => {
    assert.equal(addressBucket('2001:db8:ffff:ffff::1', 48), '2001:db8:ffff:0:0:0:0:0/48')
    assert.equal(addressBucket('2001:db8:ffff:ffff::1', 52), '2001:db8:ffff:f000:0:0:0:0/52')
    assert.equal(addressBucket('2001:db8::ffff', 128), '2001:db8:0:0:0:0:0:ffff/128')
    assert.equal(addressBucket('2001:db8::ffff', 120), '2001:db8:0:0:0:0:0:ff00/120')
    assert.equal(addressBucket('203.0.113.7', 48, 24), '203.0.113.0/24')
    assert.equal(addressBucket('::ffff:203.0.113.7', 48, 20), '203.0.112.0/20')
  })

  it('CVE-2026-45364: a thousand addresses of one network, however they are spelled, are one visitor', () => {
    const buckets = new Set<string>()
    for (let n = 0; n < 1000; n += 1) {
      const host = ((n * 2654435761) >>> 0).toString(16)
      buckets.add(addressBucket(`2001:db8:a:b:${host.slice(0, 4)}::${host.slice(4) || '0'}`))
      buckets.add(addressBucket(`2001:0DB8:000A:000B:${host.slice(0, 4).toUpperCase()}:0:0:${host.slice(4) || '0'}`))
    }
    assert.deepEqual([...buckets], ['2001:db8:a:b:0:0:0:0/64'])
  })
})

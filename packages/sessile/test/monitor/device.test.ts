import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deviceOf } from '../../src/monitor/device.ts'

describe('deviceOf', () => {
  const rows: readonly [string, string][] = [
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36', 'Chrome on Linux'],
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36', 'Chrome on Linux'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0', 'Firefox on Windows'],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
      'Safari on macOS'
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
      'Safari on iOS'
    ],
    [
      'Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36',
      'Samsung Internet on Android'
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0',
      'Microsoft Edge on Windows'
    ],
    ['curl/8.5.0', 'Unknown device'],
    ['node', 'Unknown device'],
    ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', 'Unknown device']
  ]
  for (const [userAgent, device] of rows) it(`${userAgent.slice(0, 60)}: ${device}`, () => assert.equal(deviceOf(userAgent), device))

  it('knows nothing without a user agent', () => {
    assert.equal(deviceOf(undefined), 'Unknown device')
    assert.equal(deviceOf(''), 'Unknown device')
  })

  it('shows nothing that the client made up', () => {
    for (const userAgent of [
      '<b>Foo</b>/1.0 (X11; Linux x86_64)',
      'Evil/1.0 (X11; Linux x86_64)',
      `${'x'.repeat(100_000)} Linux`,
      'a\nb Linux'
    ]) {
      assert.equal(deviceOf(userAgent), 'Unknown device')
    }
  })

  it('answers the same for any number of user agents', () => {
    for (let n = 0; n < 3000; n += 1)
      deviceOf(`Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${n}.0 Safari/537.36`)
    assert.equal(deviceOf(rows[0]![0]), 'Chrome on Linux')
  })
})

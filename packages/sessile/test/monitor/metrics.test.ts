import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import * as client from 'prom-client'
import { isSessionError } from '../../src/core/errors.ts'
import { EventHub } from '../../src/core/events.ts'
import { METRICS, metrics, type MeasuredSessions } from '../../src/monitor/metrics.ts'

/** The value of a metric in Prometheus's text. */
async function valueOf(register: client.Registry, name: string): Promise<number | undefined> {
  const line = (await register.metrics()).split('\n').find((one) => one.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}

function measured(more: Partial<MeasuredSessions> = {}) {
  const events = new EventHub()
  return { events, sessions: { on: events.on.bind(events), ...more } as MeasuredSessions, register: new client.Registry() }
}

describe('metrics', () => {
  it('counts what happens to sessions', async () => {
    const { events, sessions, register } = measured()
    const stop = metrics({ sessions, client, register })
    for (let n = 0; n < 3; n += 1) events.emit('created', () => ({ handle: `h${n}` }))
    events.emit('renewed', () => ({ handle: 'new', previous: 'h1', reason: 'sign-in' }))
    events.emit('ended', () => ({ handle: 'h1', reason: 'renewed' }))
    events.emit('signed-in', () => ({ handle: 'new', userId: '7' }))
    events.emit('ended', () => ({ handle: 'h2', userId: '7', reason: 'revoked' }))
    events.emit('store-error', () => ({ operation: 'read', message: 'down' }))
    assert.equal(await valueOf(register, 'sessile_sessions_created_total'), 3)
    assert.equal(await valueOf(register, 'sessile_sessions_renewed_total{reason="sign-in"}'), 1)
    assert.equal(await valueOf(register, 'sessile_sessions_ended_total{reason="revoked"}'), 1)
    assert.equal(await valueOf(register, 'sessile_sessions_ended_total{reason="renewed"}'), undefined)
    assert.equal(await valueOf(register, 'sessile_sign_ins_total'), 1)
    assert.equal(await valueOf(register, 'sessile_store_errors_total{operation="read"}'), 1)
    assert.equal(await valueOf(register, 'sessile_late_writes_total'), 0)
    assert.equal(await valueOf(register, 'sessile_sessions_active'), undefined)
    stop()
    events.emit('created', () => ({ handle: 'h4' }))
    assert.equal(await valueOf(register, 'sessile_sessions_created_total'), 3)
  })

  it('has all metrics of the table and no other', async () => {
    const { sessions, register } = measured()
    const none = { count: 0, p50: 0, p90: 0, p99: 0 }
    const activity = { analytics: async () => ({ totals: { duration: none, pagesPerSession: none } }) }
    metrics({ sessions, activity, client, register, countActive: () => 1, prefix: 'shop_' })
    assert.deepEqual(
      register
        .getMetricsAsArray()
        .map(({ name }) => name)
        .sort(),
      Object.keys(METRICS)
        .map((name) => `shop_${name}`)
        .sort()
    )
  })

  it('tells nobody of users and handles', async () => {
    const { events, sessions, register } = measured()
    metrics({ sessions, client, register })
    events.emit('created', () => ({ handle: 'secrethandle', userId: 'secretuser' }))
    events.emit('ended', () => ({ handle: 'secrethandle', userId: 'secretuser', reason: 'destroyed' }))
    assert.doesNotMatch(await register.metrics(), /secret/)
  })

  it('counts live sessions page by page, and not at every scrape', async () => {
    mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
    let scans = 0
    const scan: MeasuredSessions['scan'] = async ({ cursor }) => {
      scans += 1
      return cursor === undefined ? { sessions: [1, 2, 3], cursor: 'more' } : { sessions: [4] }
    }
    const { sessions, register } = measured({ scan })
    metrics({ sessions, client, register })
    await Promise.all([valueOf(register, 'sessile_sessions_active'), valueOf(register, 'sessile_sessions_active')])
    assert.equal(await valueOf(register, 'sessile_sessions_active'), 4)
    assert.equal(scans, 2)
    mock.timers.setTime(1_000_000 + 15_000)
    assert.equal(await valueOf(register, 'sessile_sessions_active'), 4)
    assert.equal(scans, 4)
    mock.timers.reset()
  })

  it('a count that fails hides nothing else, and is tried again', async () => {
    let down = true
    const { sessions, register } = measured()
    metrics({
      sessions,
      client,
      register,
      countActive: () => {
        if (down) throw new Error('down')
        return 2
      }
    })
    assert.equal(await valueOf(register, 'sessile_sessions_active'), NaN)
    assert.equal(await valueOf(register, 'sessile_sessions_created_total'), 0)
    down = false
    assert.equal(await valueOf(register, 'sessile_sessions_active'), 2)
  })

  it('mistakes are told at set-up', () => {
    const bad = (call: () => unknown) => assert.throws(call, (error) => isSessionError(error) && error.code === 'bad-option')
    bad(() => metrics({ sessions: measured().sessions } as never))
    bad(() => metrics({ sessions: measured().sessions, client, registry: 1 } as never))
  })
})

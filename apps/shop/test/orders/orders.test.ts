import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fingerprintOf, objectionTo, orderJson } from '../../src/orders/orders.ts'

const lines = [
  { productId: 1, name: 'Laptop', priceCents: 99_999, quantity: 2 },
  { productId: 2, name: 'Mouse', priceCents: 2_999, quantity: 3 }
]

describe('what speaks against an order', () => {
  it('is nothing when prices are the same and there is enough', () => {
    assert.equal(
      objectionTo(
        lines,
        new Map([
          [1, { priceCents: 99_999, stock: 2 }],
          [2, { priceCents: 2_999, stock: 9 }]
        ])
      ),
      undefined
    )
  })

  it('names every line whose price changed, before what is short', () => {
    const products = new Map([
      [1, { priceCents: 89_999, stock: 0 }],
      [2, { priceCents: 2_999, stock: 9 }]
    ])
    assert.deepEqual(objectionTo(lines, products), { outcome: 'price-changed', prices: [{ productId: 1, priceCents: 89_999 }] })
  })

  it('names every line that is short, a product no longer sold too', () => {
    assert.deepEqual(objectionTo(lines, new Map([[1, { priceCents: 99_999, stock: 1 }]])), {
      outcome: 'insufficient-stock',
      shortfalls: [
        { productId: 1, requested: 2, available: 1 },
        { productId: 2, requested: 3, available: 0 }
      ]
    })
  })
})

describe('the fingerprint of lines', () => {
  const carts = fc.uniqueArray(fc.record({ productId: fc.integer({ min: 1, max: 20 }), quantity: fc.integer({ min: 1, max: 20 }) }), {
    selector: (line) => line.productId,
    maxLength: 10
  })

  it('does not depend on their order', () => {
    fc.assert(
      fc.property(carts, (cart) => {
        assert.equal(fingerprintOf(cart.toReversed()), fingerprintOf(cart))
      })
    )
  })

  it('is the same for the same lines only', () => {
    const sorted = (cart: { productId: number; quantity: number }[]) =>
      JSON.stringify(cart.toSorted((a, b) => a.productId - b.productId).map((l) => [l.productId, l.quantity]))
    fc.assert(
      fc.property(carts, carts, (one, other) => {
        assert.equal(fingerprintOf(one) === fingerprintOf(other), sorted(one) === sorted(other))
      })
    )
  })
})

describe('an order in JSON', () => {
  it('has its amounts in both forms and its time in UTC', () => {
    const order = {
      id: 7,
      cartId: null,
      items: lines,
      totalCents: 208_995,
      currency: 'USD',
      createdAt: Date.UTC(2025, 0, 31, 12),
      cancelledAt: null,
      linkToken: null
    }
    assert.deepEqual(orderJson(order), {
      id: 7,
      items: [
        { ...lines[0], price: 999.99 },
        { ...lines[1], price: 29.99 }
      ],
      total: 2089.95,
      totalCents: 208_995,
      currency: 'USD',
      timestamp: '2025-01-31T12:00:00.000Z'
    })
  })
})

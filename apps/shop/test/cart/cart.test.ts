import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  addToCart,
  type CartLines,
  MAX_LINES,
  MAX_QUANTITY,
  mergeCarts,
  removeFromCart,
  subtractLines,
  summaryOf,
  updateCart
} from '../../src/cart/cart.ts'

const laptop = { id: 1, name: 'Laptop', priceCents: 99_999, stock: 10 }
const mouse = { id: 2, name: 'Mouse', priceCents: 2_999, stock: 50 }
const oneLaptop = [{ productId: 1, name: 'Laptop', priceCents: 99_999, quantity: 1 }]

/** Carts with each product once, as the rules leave them. */
const carts = fc.uniqueArray(
  fc.record(
    {
      productId: fc.integer({ min: 1, max: 30 }),
      name: fc.string({ maxLength: 10 }),
      priceCents: fc.integer({ min: 0, max: 10_000_000 }),
      quantity: fc.integer({ min: 1, max: MAX_QUANTITY })
    },
    { noNullPrototype: true }
  ),
  { selector: (line) => line.productId, maxLength: 30 }
)

describe('adding to a cart', () => {
  it('makes a line of a product that is not there yet, after those that are', () => {
    const added = addToCart(oneLaptop, mouse, 3)
    assert.deepEqual(added, { outcome: 'added', lines: [...oneLaptop, { productId: 2, name: 'Mouse', priceCents: 2_999, quantity: 3 }] })
  })

  it('adds to a line that is there, which keeps its place and the price that was seen', () => {
    const added = addToCart(
      [...oneLaptop, { productId: 2, name: 'Mouse', priceCents: 2_999, quantity: 3 }],
      { ...laptop, priceCents: 1 },
      2
    )
    assert.deepEqual(added.outcome === 'added' && added.lines.map((line) => [line.productId, line.priceCents, line.quantity]), [
      [1, 99_999, 3],
      [2, 2_999, 3]
    ])
  })

  it('counts what the cart holds against the stock', () => {
    assert.equal(addToCart(oneLaptop, laptop, 9).outcome, 'added')
    assert.deepEqual(addToCart(oneLaptop, laptop, 10), { outcome: 'insufficient-stock', available: 9 })
    assert.deepEqual(addToCart([{ ...oneLaptop[0]!, quantity: 12 }], laptop, 1), { outcome: 'insufficient-stock', available: 0 })
  })

  it('has a limit on pieces and on lines, both a hundred at least', () => {
    assert.ok(MAX_LINES >= 100 && MAX_QUANTITY >= 100)
    const plenty = { ...laptop, stock: 10 * MAX_QUANTITY }
    assert.equal(addToCart(oneLaptop, plenty, MAX_QUANTITY - 1).outcome, 'added')
    assert.equal(addToCart(oneLaptop, plenty, MAX_QUANTITY).outcome, 'too-many-pieces')
    const full = Array.from({ length: MAX_LINES }, (_, i) => ({ ...oneLaptop[0]!, productId: 100 + i }))
    assert.equal(addToCart(full, laptop, 1).outcome, 'too-many-lines')
    assert.equal(addToCart(full, { ...laptop, id: 100 }, 1).outcome, 'added')
    assert.equal(addToCart(full.slice(1), laptop, 1).outcome, 'added')
  })

  it('changes no cart that it was given', () => {
    const before = structuredClone(oneLaptop)
    addToCart(oneLaptop, laptop, 1)
    updateCart(oneLaptop, 1, 2, 10)
    removeFromCart(oneLaptop, 1)
    assert.deepEqual(oneLaptop, before)
  })
})

describe('changing a quantity', () => {
  it('sets it', () => {
    const updated = updateCart(oneLaptop, 1, 10, 10)
    assert.deepEqual(updated, { outcome: 'updated', lines: [{ ...oneLaptop[0], quantity: 10 }] })
  })

  it('tells a line that is not there, before it looks at the stock', () => {
    assert.deepEqual(updateCart(oneLaptop, 2, 1000, 0), { outcome: 'not-in-cart' })
  })

  it('tells that there are not that many', () => {
    assert.deepEqual(updateCart(oneLaptop, 1, 11, 10), { outcome: 'insufficient-stock', available: 10 })
  })
})

describe("merging a guest's cart", () => {
  it('adds quantities, keeps the order of adding and the price seen first', () => {
    const mine: CartLines = [{ productId: 2, name: 'Mouse', priceCents: 2_999, quantity: 1 }]
    const guests: CartLines = [
      { productId: 3, name: 'Keyboard', priceCents: 7_999, quantity: 1 },
      { productId: 2, name: 'Mouse', priceCents: 1, quantity: 2 }
    ]
    assert.deepEqual(
      mergeCarts(mine, guests, () => 100),
      [{ ...mine[0], quantity: 3 }, guests[0]]
    )
  })

  it('caps at the stock, and leaves out what is sold out', () => {
    assert.equal(mergeCarts(oneLaptop, [{ ...oneLaptop[0]!, quantity: 20 }], () => 10)[0]?.quantity, 10)
    assert.deepEqual(
      mergeCarts([], oneLaptop, () => 0),
      []
    )
  })

  it('never makes less of what the user held, and never more than the stock of what is new', () => {
    fc.assert(
      fc.property(carts, carts, fc.func(fc.nat({ max: 2 * MAX_QUANTITY })), (mine, guests, stockOf) => {
        const merged = new Map(mergeCarts(mine, guests, stockOf).map((line) => [line.productId, line.quantity]))
        for (const { productId, quantity } of mine) assert.ok(merged.get(productId)! >= quantity)
        for (const { productId, quantity } of guests) {
          const held = mine.find((line) => line.productId === productId)?.quantity ?? 0
          const cap = Math.min(stockOf(productId), MAX_QUANTITY)
          assert.equal(merged.get(productId) ?? 0, Math.max(held, Math.min(cap, held + quantity)))
        }
      })
    )
  })
})

describe('what is left of a cart', () => {
  it('is nothing when all was taken, and all when nothing was', () => {
    fc.assert(
      fc.property(carts, (cart) => {
        assert.deepEqual(subtractLines(cart, cart), [])
        assert.deepEqual(subtractLines(cart, []), cart)
      })
    )
  })

  it('is what was added meanwhile', () => {
    const plenty = (id: number) => ({ id, name: 'x', priceCents: 5, stock: 10 * MAX_QUANTITY })
    fc.assert(
      fc.property(carts, fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 }))), (cart, additions) => {
        let now: CartLines = cart
        const added = new Map<number, number>()
        for (const [id, quantity] of additions) {
          const outcome = addToCart(now, plenty(id), quantity)
          if (outcome.outcome !== 'added') continue
          now = outcome.lines
          added.set(id, (added.get(id) ?? 0) + quantity)
        }
        assert.deepEqual(new Map(subtractLines(now, cart).map((line) => [line.productId, line.quantity])), added)
      })
    )
  })
})

describe('totals', () => {
  it("of the seed's products are exact", () => {
    const lines: CartLines = [...oneLaptop, { productId: 2, name: 'Mouse', priceCents: 2_999, quantity: 3 }]
    assert.deepEqual(summaryOf(lines), {
      items: [
        { productId: 1, name: 'Laptop', price: 999.99, priceCents: 99_999, quantity: 1 },
        { productId: 2, name: 'Mouse', price: 29.99, priceCents: 2_999, quantity: 3 }
      ],
      totalItems: 4,
      totalPrice: 1089.96,
      totalPriceCents: 108_996,
      currency: 'USD'
    })
  })

  it('of an empty cart are nought', () => {
    assert.deepEqual(summaryOf([]), { items: [], totalItems: 0, totalPrice: 0, totalPriceCents: 0, currency: 'USD' })
  })

  it('are the sums of the lines in whole cents, however large, and 29.99 stays 29.99 in JSON', () => {
    fc.assert(
      fc.property(carts, (cart) => {
        const summary = JSON.parse(JSON.stringify(summaryOf(cart))) as ReturnType<typeof summaryOf>
        const cents = cart.reduce((sum, line) => sum + BigInt(line.priceCents) * BigInt(line.quantity), 0n)
        assert.equal(BigInt(summary.totalPriceCents), cents)
        assert.equal(
          summary.totalItems,
          cart.reduce((sum, line) => sum + line.quantity, 0)
        )
        for (const amount of [summary.totalPrice, ...summary.items.map((item) => item.price)])
          assert.match(String(amount), /^\d+(\.\d{1,2})?$/)
        for (const item of summary.items) assert.equal(Math.round(item.price * 100), item.priceCents)
        assert.equal(Math.round(summary.totalPrice * 100), summary.totalPriceCents)
      }),
      { numRuns: 1000 }
    )
  })
})

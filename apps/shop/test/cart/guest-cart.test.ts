import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { CartLines } from '../../src/cart/cart.ts'
import { type CartAttributes, guestLines, putGuestLines, settleGuestCart } from '../../src/cart/guest-cart.ts'

const line = (productId: number, quantity = 1) => ({ productId, name: `Product ${productId}`, priceCents: 100 * productId, quantity })

describe("a guest's cart in the session", () => {
  it('comes back from JSON as it was put there, in the order of adding', () => {
    const lines = fc.uniqueArray(fc.integer({ min: 1 }), { minLength: 1, maxLength: 50 }).map((ids) => ids.map((id) => line(id)))
    fc.assert(
      fc.property(lines, (lines: CartLines) => {
        const attributes: CartAttributes = {}
        putGuestLines(attributes, lines)
        assert.deepEqual(guestLines(JSON.parse(JSON.stringify(attributes))), lines)
      })
    )
  })

  it('is an object by key, so that sessions merge it line by line', () => {
    const attributes: CartAttributes = {}
    putGuestLines(attributes, [line(3, 2)])
    assert.deepEqual(attributes.guestCart?.lines, { p3: { name: 'Product 3', priceCents: 300, quantity: 2 } })
  })

  it('keeps its id while there is something in it, and gets a new one after being empty', () => {
    const attributes: CartAttributes = {}
    putGuestLines(attributes, [line(1)])
    const { guestCart: cart, buyer } = structuredClone(attributes)
    putGuestLines(attributes, [line(1), line(2)])
    assert.equal(attributes.guestCart?.id, cart?.id)
    putGuestLines(attributes, [])
    assert.deepEqual(Object.keys(attributes), ['buyer'])
    putGuestLines(attributes, [line(1)])
    assert.notEqual(attributes.guestCart?.id, cart?.id)
    assert.equal(attributes.buyer, buyer)
  })

  it('begins with the first line: an empty one leaves nothing behind', () => {
    const attributes: CartAttributes = {}
    putGuestLines(attributes, [])
    assert.deepEqual(attributes, {})
  })
})

describe("settling a guest's cart", () => {
  it('takes out what was ordered, and leaves what was added meanwhile under a new id', () => {
    const attributes: CartAttributes = {}
    putGuestLines(attributes, [line(1, 2), line(2), line(3)])
    const id = attributes.guestCart!.id
    settleGuestCart(attributes, id, [line(1, 1), line(3)])
    assert.deepEqual(guestLines(attributes), [line(1, 1), line(2)])
    assert.notEqual(attributes.guestCart!.id, id)
  })

  it('does nothing the second time, nor to another cart', () => {
    const attributes: CartAttributes = {}
    putGuestLines(attributes, [line(1, 5)])
    const id = attributes.guestCart!.id
    settleGuestCart(attributes, id, [line(1, 2)])
    const once = structuredClone(attributes)
    settleGuestCart(attributes, id, [line(1, 2)])
    assert.deepEqual(attributes, once)
  })
})

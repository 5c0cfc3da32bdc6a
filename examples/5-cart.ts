/** Cart: products go in, change and go out; checking out takes them from stock. A cart keeps for a week. */
import express from 'express'
import session from 'sessile'
import type { CartLine } from './session-data.ts'

const app = express()
const sessions = session({
  secret: process.env.SESSION_SECRET ?? 'cart-secret',
  resave: false,
  saveUninitialized: false, // a session begins with the first thing in the cart: a robot that looks around makes none
  cookie: { maxAge: 7 * 24 * 60 * 60 * 1000 } // 7 days for cart persistence
})
app.use(express.json(), sessions)

const products = [
  { id: 1, name: 'Laptop', price: 999.99, stock: 10 },
  { id: 2, name: 'Mouse', price: 29.99, stock: 50 },
  { id: 3, name: 'Keyboard', price: 79.99, stock: 25 }
]
const productOf = (id: unknown) => products.find((product) => product.id === Number(id))
const positive = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0
const sum = (items: CartLine[], of: (line: CartLine) => number) => items.reduce((total, line) => total + of(line), 0)
const priceOf = (items: CartLine[]) => sum(items, ({ price, quantity }) => Math.round(price * 100) * quantity) / 100 // no 89.97000000000001
const summaryOf = (items: CartLine[] = []) => ({ items, totalItems: sum(items, (line) => line.quantity), totalPrice: priceOf(items) })
let lastOrder = 0 // the time, as an order's number, is the same for two orders at once

app.post('/cart/add', async (req, res) => {
  const { productId, quantity = 1 } = req.body ?? {}
  const product = productOf(productId)
  if (!product) return res.status(404).json({ error: 'Product not found' })
  if (!positive(quantity)) return res.status(400).json({ error: 'Quantity must be positive' })
  const added = await req.session.update((draft) => {
    // runs on the cart that is stored now: of two clicks at once neither is lost
    const line = draft.cart?.find((line) => line.productId === product.id)
    if ((line?.quantity ?? 0) + quantity > product.stock) return false // together with what is in the cart already
    if (line) line.quantity += quantity
    else (draft.cart ??= []).push({ productId: product.id, name: product.name, price: product.price, quantity })
    return true
  })
  if (!added) return res.status(400).json({ error: 'Insufficient stock' })
  return res.json({ message: 'Item added to cart', cart: summaryOf(req.session.cart) })
})
app.put('/cart/update/:productId', async (req, res) => {
  const [product, quantity] = [productOf(req.params.productId), req.body?.quantity]
  if (!positive(quantity)) return res.status(400).json({ error: 'Quantity must be positive' })
  if (!req.session.cart?.some((line) => line.productId === product?.id)) return res.status(404).json({ error: 'Item not found in cart' })
  if (quantity > product!.stock) return res.status(400).json({ error: 'Insufficient stock' })
  await req.session.update((draft) => draft.cart?.forEach((line) => line.productId === product!.id && (line.quantity = quantity)))
  return res.json({ message: 'Cart updated', cart: summaryOf(req.session.cart) })
})
app.delete('/cart/remove/:productId', async (req, res) => {
  await req.session.update((draft) => void (draft.cart &&= draft.cart.filter((line) => line.productId !== Number(req.params.productId))))
  res.json({ message: 'Item removed from cart', cart: summaryOf(req.session.cart) })
})
app.get('/cart', (req, res) => void res.json({ cart: summaryOf(req.session.cart) }))
app.delete('/cart', async (req, res) => {
  await req.session.update((draft) => void delete draft.cart)
  res.json({ message: 'Cart cleared', cart: summaryOf() })
})
app.post('/checkout', async (req, res) => {
  const items = await req.session.update((draft) => {
    const { cart = [] } = draft
    delete draft.cart // whoever takes the cart out has it: the second of two clicks finds none
    return cart
  })
  if (items.length === 0) return res.status(400).json({ error: 'Cart is empty' })
  if (items.some(({ productId, quantity }) => quantity > productOf(productId)!.stock)) {
    await req.session.update((draft) => void (draft.cart = items)) // bought by others meanwhile: the cart is kept
    return res.status(409).json({ error: 'Insufficient stock' })
  }
  for (const { productId, quantity } of items) productOf(productId)!.stock -= quantity
  return res.json({ message: 'Order placed successfully', order: { id: ++lastOrder, items, total: priceOf(items), timestamp: new Date() } })
})

const port = Number(process.env.PORT ?? 3000)
app.listen(port, '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`Session server running on port ${port}: http://127.0.0.1:${port}`)
})

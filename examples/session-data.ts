/** What the examples keep in a session; declared once, as every app would. */
export interface CartLine {
  productId: number
  name: string
  price: number
  quantity: number
}

declare module 'sessile' {
  interface SessionData {
    views?: number
    cart?: CartLine[]
  }
}

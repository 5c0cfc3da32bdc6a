import { signal } from '@preact/signals'

/** Where one is, from the address's hash: it works at any mount path, and with the browser's Back. */
export interface Route {
  readonly view: string
  readonly id: string
  readonly query: URLSearchParams
}

function present(): Route {
  const [path = '', search = ''] = location.hash.replace(/^#\/?/, '').split('?')
  const [view = '', id = ''] = path.split('/')
  return { view: view === '' ? 'overview' : view, id: decodeURIComponent(id), query: new URLSearchParams(search) }
}

export const route = signal<Route>(present())

addEventListener('hashchange', () => {
  const before = route.value
  route.value = present()
  if (before.view === route.value.view && before.id === route.value.id) return
  scrollTo(0, 0)
  // whoever listens to the page hears where he is now
  requestAnimationFrame(() => document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true }))
})

export function linkTo(view: string, id?: string, query?: Record<string, string | undefined>): string {
  const search = new URLSearchParams(Object.entries(query ?? {}).flatMap(([name, value]) => (value ? [[name, value]] : [])))
  const text = search.toString()
  return `#/${view}${id === undefined ? '' : `/${encodeURIComponent(id)}`}${text === '' ? '' : `?${text}`}`
}

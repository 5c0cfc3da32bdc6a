import type { Overview } from '../admin/admin.ts'
import type { Page } from './page.ts'

const ROWS = 100

/** The live sessions, for administrators. */
export function dashboardPage({ overview }: { readonly overview: Overview }): Page {
  return {
    view: 'dashboard',
    title: 'Live sessions',
    async load(req) {
      const cursor = typeof req.query['cursor'] === 'string' ? req.query['cursor'] : undefined
      const [counts, page] = await Promise.all([overview.count(), overview.page({ cursor, limit: ROWS })])
      return { ...counts, ...page }
    }
  }
}

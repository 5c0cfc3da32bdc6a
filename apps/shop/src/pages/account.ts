import type { Device } from '../accounts/devices.ts'
import type { User } from '../accounts/accounts.ts'
import type { Request } from 'express'
import type { Page } from './page.ts'

/** Who one is and where one is signed in. */
export function accountPage({
  user,
  devices
}: {
  readonly user: (req: Request) => Promise<User | undefined>
  readonly devices: (req: Request) => Promise<Device[]>
}): Page {
  return {
    view: 'account',
    title: 'Account',
    load: async (req) => ({ user: await user(req), devices: await devices(req) })
  }
}

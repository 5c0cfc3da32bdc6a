import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { PASSWORD, registered, startShop, type TestShop } from '../helpers.ts'

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

/** The field's input is marked, and one of the elements that it names says what is wrong. */
function assertFault(text: string, id: string, fault: RegExp): void {
  const input = new RegExp(`<input id="${id}"[^>]*>`).exec(text)?.[0]
  assert.ok(input, `no input ${id}`)
  assert.match(input, /aria-invalid="true"/)
  const named = /aria-describedby="([^"]*)"/.exec(input)![1]!.split(' ')
  const beside = named.map((name) => new RegExp(`id="${name}"[^>]*>([^<]*)`).exec(text)?.[1] ?? '')
  assert.ok(
    beside.some((words) => fault.test(words)),
    `${id}: ${beside.join(' | ')}`
  )
}

describe('every form that asks for the password of whoever is signed in', () => {
  it('names the user to password managers', async () => {
    const { client, username } = await registered(shop)
    for (const path of ['/account', '/account/confirm', '/account/email', '/account/delete', '/account/new-password']) {
      const { text } = await client.get(path)
      const forms = text.split('<form').filter((form) => form.includes('type="password"'))
      assert.equal(forms.length, 1, path)
      assert.match(forms[0]!, new RegExp(`<input name="username" value="${username}" autocomplete="username" readonly hidden>`), path)
    }
  })
})

const NEW = 'another quite long passphrase'

/** A form of one's own account: what is sent, the status, the faulty field and its fault. */
const BAD: readonly (readonly [
  name: string,
  path: string,
  fields: Record<string, string>,
  status: number,
  field: string,
  fault: RegExp
])[] = [
  ['email: none', '/account/email', { email: '', currentPassword: PASSWORD }, 400, 'email-email', /email address/],
  ['email: no address', '/account/email', { email: 'nobody', currentPassword: PASSWORD }, 400, 'email-email', /email address/],
  ['email: too long', '/account/email', { email: `${'a'.repeat(250)}@example.com`, currentPassword: PASSWORD }, 400, 'email-email', /254/],
  ['email: no password', '/account/email', { email: 'new@example.com', currentPassword: '' }, 400, 'email-currentPassword', /./],
  ['deletion: no password', '/account', { _method: 'DELETE', currentPassword: '' }, 400, 'delete-currentPassword', /./],
  ['password: no current one', '/account/password', { currentPassword: '', newPassword: NEW }, 400, 'password-currentPassword', /./],
  ['password: none', '/account/password', { currentPassword: PASSWORD, newPassword: '' }, 400, 'password-newPassword', /15/],
  ['password: short', '/account/password', { currentPassword: PASSWORD, newPassword: 'short' }, 400, 'password-newPassword', /15/],
  [
    'password: common',
    '/account/password',
    { currentPassword: PASSWORD, newPassword: 'password1234567' },
    400,
    'password-newPassword',
    /common/
  ],
  ['password: long', '/account/password', { currentPassword: PASSWORD, newPassword: 'x'.repeat(257) }, 400, 'password-newPassword', /256/],
  ['confirmation: no password', '/account/reauthenticate', { password: '', next: '/account' }, 400, 'confirm-password', /./]
]

describe("the forms of one's account", () => {
  for (const [name, path, fields, status, field, fault] of BAD) {
    it(`come back with the fault beside the field (${name})`, async () => {
      const { client } = await registered(shop)
      const answer = await client.form(path, fields)
      assert.equal(answer.status, status)
      assertFault(answer.text, field, fault)
      assert.ok(!answer.text.includes(PASSWORD) && !answer.text.includes(NEW), 'no password comes back')
      if (fields['email']) assert.ok(answer.text.includes(`value="${fields['email']}"`), 'what was typed is kept')
      assert.equal((await client.get('/profile')).status, 200, 'nothing else happened')
    })
  }

  for (const [name, path, fields] of [
    ['email', '/account/email', { email: 'new@example.com', currentPassword: 'a wrong one' }],
    ['deletion', '/account', { _method: 'DELETE', currentPassword: 'a wrong one' }],
    ['password', '/account/password', { currentPassword: 'a wrong one', newPassword: NEW }],
    ['confirmation', '/account/reauthenticate', { password: 'a wrong one', next: '/account' }]
  ] as const) {
    it(`say that the password is wrong (${name})`, async () => {
      const { client } = await registered(shop)
      const answer = await client.form(path, fields)
      assert.equal(answer.status, 401)
      assert.match(answer.text, /role="alert">Invalid credentials/)
      assert.equal((await client.get('/profile')).status, 200)
    })
  }
})

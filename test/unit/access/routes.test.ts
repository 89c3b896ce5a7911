import { expect, test } from 'vitest'
import { accessRoutes } from '../../../src/access/index.ts'
import { createTestServer } from '../../support/http.ts'
import { startAccess, TESTER } from './harness.ts'

async function serve() {
  await using closers = new AsyncDisposableStack()
  const access = closers.use(await startAccess())
  const server = closers.use(
    createTestServer({
      routes: [accessRoutes(access)],
      authenticate: access.authenticator.authenticate,
    }),
  )
  const admin = (await access.tokens.ensureFirst(() => {})) ?? ''
  const held = closers.move()
  return {
    ...server,
    access,
    admin,
    call: async (
      method: 'GET' | 'POST' | 'DELETE',
      path: string,
      options: { token?: string; body?: object } = {},
    ) =>
      await server.app.inject({
        method,
        url: `/api/v1${path}`,
        headers: { authorization: `Bearer ${options.token ?? admin}` },
        ...(options.body !== undefined && { body: options.body }),
      }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

test('an administrator makes, lists and revokes a token, and reads the record of it', async () => {
  await using server = await serve()
  const made = await server.call('POST', '/tokens', {
    body: { name: 'grafana', scopes: ['monitor'] },
  })
  expect(made.statusCode).toBe(201)
  const { id, token } = made.json()
  const listed = await server.call('GET', '/tokens')
  expect(listed.json().tokens).toHaveLength(2)
  expect(listed.body).not.toContain(token)
  expect((await server.call('DELETE', `/tokens/${id}`)).statusCode).toBe(204)
  expect((await server.call('GET', '/tokens', { token })).json()).toMatchObject({
    code: 'token_invalid',
  })
  const first = (await server.call('GET', '/audit?limit=1')).json()
  expect(first).toMatchObject({
    entries: [{ action: 'token.revoked', actor: { name: 'First administrator' } }],
    nextBefore: 3,
  })
  const rest = (await server.call('GET', `/audit?before=${first.nextBefore}`)).json()
  expect(rest.entries).toHaveLength(2)
  expect(rest.nextBefore).toBeNull()
  const about = (await server.call('GET', `/audit?targetType=token&targetId=${id}`)).json()
  expect(about.entries).toHaveLength(2)
})

test('no lesser scope reaches tokens or audit', async () => {
  await using server = await serve()
  const { token } = await server.access.tokens.create(
    { name: 'op', scopes: ['operator', 'send', 'monitor'] },
    TESTER,
  )
  for (const [method, path] of [
    ['GET', '/tokens'],
    ['POST', '/tokens'],
    ['DELETE', '/tokens/x'],
    ['GET', '/audit'],
  ] as const) {
    const answer = await server.call(method, path, { token })
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'scope_missing'])
  }
})

test('a token with a wrong scope, an unknown key or a strange end is refused', async () => {
  await using server = await serve()
  const wrong = await server.call('POST', '/tokens', {
    body: { name: 'a', scopes: ['root'], expires: 'x' },
  })
  expect(wrong.json()).toMatchObject({
    status: 400,
    problems: [{ field: 'scopes[0]' }, { field: 'expires' }],
  })
  const strange = await server.call('POST', '/tokens', {
    body: { name: 'a', scopes: ['send'], expiresAt: 'next year' },
  })
  expect(strange.json()).toMatchObject({ status: 400, problems: [{ field: 'expiresAt' }] })
  expect(await server.access.tokens.list()).toHaveLength(1)
})

test('revoking what is not there is a 404', async () => {
  await using server = await serve()
  expect((await server.call('DELETE', '/tokens/none')).json()).toMatchObject({
    status: 404,
    code: 'token_unknown',
  })
})

test('after ten bad logins the answer is 429 with Retry-After, while the good token passes', async () => {
  await using server = await serve()
  const bad = () => server.call('GET', '/tokens', { token: 'pst_guess-s3cret' })
  for (let i = 0; i < 10; i++) expect((await bad()).statusCode).toBe(401)
  const refused = await bad()
  expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '60'])
  expect((await server.call('GET', '/tokens')).statusCode).toBe(200)
  const seen = server.log.lines.join('') + server.access.log.lines.join('') + refused.body
  expect(seen).not.toContain('s3cret')
  expect(seen).not.toContain(server.admin)
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHttpServer, type HttpServer } from '../../../src/http/index.ts'
import { profileRoutes } from '../../../src/profiles/index.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { captureLog } from '../../support/log.ts'
import { createRig, exchangeOnline, profileInput, type Rig, SECRET_VALUE } from './harness.ts'

const scopes: Record<string, readonly string[]> = {
  operator: ['operator', 'send', 'monitor'],
  monitor: ['monitor'],
  send: ['send'],
}
let rig: Rig
let app: HttpServer

beforeEach(async () => {
  rig = await createRig()
  app = createHttpServer({
    log: captureLog().log,
    authenticate: (header) => {
      const name = header?.replace('Bearer ', '') ?? ''
      return { tokenId: name, name, scopes: new Set(scopes[name]) }
    },
  })
  app.register(profileRoutes({ profiles: rig.profiles }), { prefix: '/api/v1' })
})
afterEach(async () => {
  await app.close()
  await rig[Symbol.asyncDispose]()
})

const call = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  options: { as?: string; body?: object; ifMatch?: string } = {},
) =>
  app.inject({
    method,
    url: `/api/v1/profiles${path}`,
    headers: {
      authorization: `Bearer ${options.as ?? 'operator'}`,
      ...(options.ifMatch !== undefined && { 'if-match': options.ifMatch }),
    },
    ...(options.body !== undefined && { payload: options.body }),
  })

const tag = (changes: number) => `"${FAKE_NOW + changes}"`

describe('The profiles’ routes', () => {
  it('create, read, replace and remove with an ETag', async () => {
    const created = await call('POST', '', { body: profileInput() })
    expect(created.statusCode).toBe(201)
    expect(created.headers).toMatchObject({ location: '/api/v1/profiles/default', etag: tag(0) })
    expect(created.body).not.toContain(SECRET_VALUE)

    const read = await call('GET', '/default')
    expect(read.headers.etag).toBe(tag(0))
    expect(read.json()).toEqual(created.json())
    expect((await call('GET', '')).json()).toEqual({ profiles: [created.json()] })

    const body = profileInput({ subjectPrefix: 'x' })
    const replaced = await call('PUT', '/default', { body, ifMatch: tag(0) })
    expect(replaced.statusCode).toBe(200)
    expect(replaced.headers.etag).toBe(tag(1))
    expect(replaced.json()).toMatchObject({ subjectPrefix: 'x', version: FAKE_NOW + 1 })

    expect((await call('DELETE', '/default', { ifMatch: tag(1) })).statusCode).toBe(204)
    expect((await call('GET', '/default')).statusCode).toBe(404)
    const actors = (await rig.auditEntries()).map(({ actor }) => actor.name)
    expect(actors).toEqual(['operator', 'operator', 'operator'])
  })

  it('refuse an edit of an older version with the present one, and an edit of none', async () => {
    await call('POST', '', { body: profileInput() })
    await call('PUT', '/default', { body: profileInput({ subjectPrefix: 'x' }), ifMatch: tag(0) })
    const stale = await call('PUT', '/default', { body: profileInput(), ifMatch: tag(0) })
    expect(stale.statusCode).toBe(412)
    expect(stale.json()).toMatchObject({ code: 'profile_changed', version: FAKE_NOW + 1 })
    expect((await call('DELETE', '/default', { ifMatch: tag(0) })).statusCode).toBe(412)
    expect((await call('PUT', '/default', { body: profileInput() })).statusCode).toBe(428)
    const forced = await call('PUT', '/default', { body: profileInput(), ifMatch: '*' })
    expect(forced.json()).toMatchObject({ version: FAKE_NOW + 2 })
  })

  it('answer another ETag when Entra has proven something about the secret', async () => {
    await call('POST', '', { body: profileInput() })
    const { credential } = rig.profiles.get('default')
    const before = (await call('GET', '/default')).headers.etag
    await rig.profiles.recordEnded('default', credential?.id ?? '', FAKE_NOW)
    const ended = (await call('GET', '/default')).headers.etag
    await rig.profiles.recordAlive('default', credential?.id ?? '')
    const alive = (await call('GET', '/default')).headers.etag
    expect(new Set([before, ended, alive]).size).toBe(3)
    const body = profileInput()
    expect((await call('PUT', '/default', { body, ifMatch: ended ?? '' })).statusCode).toBe(412)
    expect((await call('PUT', '/default', { body, ifMatch: alive ?? '' })).statusCode).toBe(200)
  })

  it('answer a flood of problems with the first of them', async () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => [`key${i}`, i] as const)
    const flood = Object.fromEntries([...keys, [`${'long\n'.repeat(20_000)}`, 1]])
    for (const body of [
      { ...profileInput(), ...flood },
      { ...profileInput(), server: flood },
    ]) {
      const answer = await call('POST', '', { body })
      expect(answer.statusCode).toBe(400)
      expect(answer.json().problems).toHaveLength(51)
      expect(answer.json().problems.at(-1).message).toMatch(/^And 199\d\d more\.$/)
      expect(answer.body.length).toBeLessThan(30_000)
    }
    const long = await call('POST', '', { body: profileInput({ ['x'.repeat(500_000)]: 1 }) })
    expect(long.body.length).toBeLessThan(5_000)
  })

  it('tell every problem of form and meaning in one answer', async () => {
    const authentication = exchangeOnline({ tenantId: 'common' })
    const body = profileInput({ senderDisplayName: 5, colour: 'red', authentication })
    const answer = await call('POST', '', { body })
    expect(answer.statusCode).toBe(400)
    const { code, problems } = answer.json()
    expect(code).toBe('profile_invalid')
    expect(problems.map(({ field }: { field: string }) => field)).toEqual([
      'colour',
      'senderDisplayName',
      'authentication.tenantId',
    ])
  })

  it('answer 409 for a name that is taken', async () => {
    await call('POST', '', { body: profileInput() })
    const answer = await call('POST', '', { body: profileInput() })
    expect(answer.statusCode).toBe(409)
    expect(answer.json()).toMatchObject({ code: 'profile_exists' })
  })

  it.each([
    ['monitor', 'GET', 200],
    ['send', 'GET', 403],
    ['monitor', 'POST', 403],
  ] as const)('answer %s on %s with %i', async (as, method, status) => {
    const body = method === 'POST' ? { body: profileInput() } : {}
    expect((await call(method, '', { as, ...body })).statusCode).toBe(status)
  })
})

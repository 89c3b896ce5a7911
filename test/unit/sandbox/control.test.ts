import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startTestTenant, type TestTenant } from './harness.ts'

let t: TestTenant
beforeAll(async () => {
  t = await startTestTenant()
})
afterAll(() => t[Symbol.asyncDispose]())
beforeEach(() => t.sandbox.tenant.reset())

const put = (body: string) => t.call(`${t.sandbox.controlUrl}/state`, { method: 'PUT', body })
const message = (id: string) => ({
  id,
  receivedAt: '2026-11-23T10:00:00.000Z',
  mailbox: 'alerts@contoso.com',
  envelope: { from: 'alerts@contoso.com', to: ['it@contoso.com'] },
  raw: 'Subject: caf\xe9\r\n\r\n\x00\xff\r\n',
  messageId: '<1@contoso.com>',
})

describe('the state', () => {
  it('is changed by a merge patch, answered whole and restored by a reset', async () => {
    const answer = await put('{"entra":{"fault":"html"},"mailboxes":{"it@contoso.com":null}}')
    expect(answer.status).toBe(200)
    expect(answer.json()).toMatchObject({ entra: { fault: 'html' } })
    const state = await t.call(`${t.sandbox.controlUrl}/state`)
    expect(state.json()).toEqual(t.sandbox.tenant.state())
    expect(Object.keys(t.sandbox.tenant.state().mailboxes)).toEqual(['alerts@contoso.com'])
    await t.call(`${t.sandbox.controlUrl}/reset`, { method: 'POST' })
    expect(t.sandbox.tenant.state().entra.fault).toBe('none')
    expect(Object.keys(t.sandbox.tenant.state().mailboxes)).toHaveLength(2)
  })

  it('stays when a patch is wrong, and every wrong key is named with its path', async () => {
    const before = t.sandbox.tenant.state()
    const answer = await put('{"nonsense":1,"entra":{"fault":"fire","delayMs":-1},"apps":{"x":{}}}')
    expect(answer.status).toBe(400)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.json()).toMatchObject({
      status: 400,
      code: 'sandbox_state_invalid',
      problems: expect.arrayContaining([
        { field: 'nonsense', message: 'is not a known key' },
        { field: 'entra.fault', message: expect.stringContaining('must be one of none, refuse') },
        { field: 'apps.x.objectId', message: 'is missing' },
      ]),
    })
    expect(t.sandbox.tenant.state()).toBe(before)
  })

  it.each(['', '{', '[]', 'null', '"x"', '{"__proto__":{"polluted":true}}'])(
    'refuses the body %j and goes on',
    async (body) => {
      const answer = await put(body)
      expect(answer.status).toBe(400)
      expect(Object.prototype).not.toHaveProperty('polluted')
      expect((await t.call(`${t.sandbox.controlUrl}/state`)).status).toBe(200)
    },
  )

  it('refuses a body over the limit', async () => {
    const answer = await put(`{"a":"${'x'.repeat(9 * 1024 * 1024)}"}`)
    expect(answer.status).toBe(413)
    expect(answer.json()['code']).toBe('sandbox_body_too_large')
  })
})

describe('the inbox', () => {
  it('lists messages, gives each byte for byte, and is emptied', async () => {
    t.sandbox.tenant.inbox.add(message('m1'))
    const list = await t.call(`${t.sandbox.controlUrl}/inbox`)
    expect(JSON.parse(list.text)).toEqual([message('m1')])
    const raw = await fetch(`${t.sandbox.controlUrl}/inbox/m1/raw`)
    expect(raw.headers.get('content-type')).toBe('message/rfc822')
    expect(Buffer.from(await raw.arrayBuffer()).toString('latin1')).toBe(message('m1').raw)
    expect((await t.call(`${t.sandbox.controlUrl}/inbox/m2/raw`)).status).toBe(404)
    const deleted = await t.call(`${t.sandbox.controlUrl}/inbox`, { method: 'DELETE' })
    expect(deleted.status).toBe(204)
    expect(t.sandbox.tenant.inbox.list()).toEqual([])
  })
})

describe('the counters', () => {
  it('count requests and tokens until a reset', async () => {
    await t.requestToken()
    await t.requestToken({ client_secret: 'wrong' })
    const read = () => t.call(`${t.sandbox.controlUrl}/counters`).then((answer) => answer.json())
    expect(await read()).toMatchObject({ tokenRequests: 2, tokensIssued: 1 })
    await t.call(`${t.sandbox.controlUrl}/reset`, { method: 'POST' })
    expect(await read()).toMatchObject({ tokenRequests: 0, tokensIssued: 0 })
  })
})

describe('a caller', () => {
  /** fetch would not let the Host header be chosen. */
  const statusWith = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      httpRequest(`${t.sandbox.controlUrl}/reset`, { method: 'POST', headers }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })

  it.each([
    [{ host: 'rebound.attacker.example' }, 403],
    [{ host: 'localhost.attacker.example:80' }, 403],
    [{ origin: 'https://attacker.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ host: 'localhost:1' }, 200],
    [{ host: '[::1]:1' }, 200],
    [{ origin: 'http://localhost:8587' }, 200],
  ])('with the headers %j gets %i', async (headers, status) => {
    expect(await statusWith(headers)).toBe(status)
  })

  it('is told which routes exist', async () => {
    const answer = await t.call(`${t.sandbox.controlUrl}/nonsense`)
    expect(answer.status).toBe(404)
    expect(answer.json()).toMatchObject({
      code: 'sandbox_route_unknown',
      detail: expect.stringContaining('PUT /state'),
    })
  })
})

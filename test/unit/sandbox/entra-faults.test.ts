import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { codeOf } from '../../../src/platform/errors.ts'
import { ERROR_CATALOGUE } from '../../../src/sandbox/entra/index.ts'
import { startTestTenant, type TestTenant } from './harness.ts'

let t: TestTenant
beforeAll(async () => {
  t = await startTestTenant()
})
afterAll(() => t[Symbol.asyncDispose]())
beforeEach(() => t.sandbox.tenant.reset())

/** How undici reports a connection that ended too early. */
const LOST = /^(ECONNRESET|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/
const patchEntra = (entra: object) => t.sandbox.tenant.patch({ entra })
const failureCode = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error: unknown) => codeOf(error),
  )

describe('a fault of Entra', () => {
  it('refuse closes the port itself, and ends when the fault ends', async () => {
    patchEntra({ fault: 'refuse' })
    expect(await failureCode(t.requestToken())).toBe('ECONNREFUSED')
    patchEntra({ fault: 'none' })
    expect((await t.requestToken()).status).toBe(200)
  })

  it('refuse may change back and forth within one tick', async () => {
    for (const fault of ['refuse', 'none', 'refuse']) patchEntra({ fault })
    await new Promise((resolve) => setImmediate(resolve))
    expect(await failureCode(t.requestToken())).toBe('ECONNREFUSED')
    for (const fault of ['none', 'refuse', 'none']) patchEntra({ fault })
    await new Promise((resolve) => setImmediate(resolve))
    expect((await t.requestToken()).status).toBe(200)
  })

  it('reset drops the connection after the request', async () => {
    patchEntra({ fault: 'reset' })
    expect(await failureCode(t.requestToken())).toMatch(LOST)
  })

  it('silent takes the request and never answers', async () => {
    patchEntra({ fault: 'silent' })
    const before = t.sandbox.tenant.counters.tokenRequests
    const hanging = failureCode(t.requestToken())
    await expect.poll(() => t.sandbox.tenant.counters.tokenRequests).toBe(before + 1)
    patchEntra({ fault: 'refuse' })
    expect(await hanging).not.toBe('no failure')
  })

  it('html is a gateway’s 502 page', async () => {
    patchEntra({ fault: 'html' })
    const answer = await t.requestToken()
    expect(answer.status).toBe(502)
    expect(answer.headers['content-type']).toContain('text/html')
    expect(answer.text).toContain('<html')
  })

  it('halfBody ends the connection in the middle of a 200', async () => {
    patchEntra({ fault: 'halfBody' })
    expect(await failureCode(t.requestToken())).toMatch(LOST)
  })

  it('throttled is 429 with Retry-After, for right credentials only', async () => {
    patchEntra({ fault: 'throttled' })
    const answer = await t.requestToken()
    expect(answer.status).toBe(429)
    expect(answer.headers['retry-after']).toBe('60')
    expect(answer.json()).toMatchObject({ error: 'temporarily_unavailable', error_codes: [] })
    const wrong = await t.requestToken({ client_secret: 'wrong' })
    expect(wrong.json()['error_codes']).toEqual([7000215])
  })

  it('throttled lacks Retry-After when the model has none', async () => {
    patchEntra({ fault: 'throttled', retryAfterSeconds: null })
    const answer = await t.requestToken()
    expect(answer.status).toBe(429)
    expect(answer.headers).not.toHaveProperty('retry-after')
  })

  it('transient is 503 with AADSTS90033', async () => {
    patchEntra({ fault: 'transient', retryAfterSeconds: 7 })
    const answer = await t.requestToken()
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBe('7')
    expect(answer.json()).toMatchObject({ error: 'temporarily_unavailable', error_codes: [90033] })
  })

  it('redirect points to another host', async () => {
    patchEntra({ fault: 'redirect' })
    const answer = await t.requestToken()
    expect(answer.status).toBe(302)
    expect(answer.headers['location']).toMatch(/^https:\/\/signin\.proxy\.example\//)
  })

  it('delays an answer by the tenant’s clock', async () => {
    patchEntra({ delayMs: 5_000 })
    const pending = t.requestToken()
    await t.clock.untilSleeping()
    await t.clock.advance(5_000)
    expect((await pending).status).toBe(200)
  })

  it.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ])('shows the %s certificate to new connections', async (certificate, code) => {
    await using other = await startTestTenant({ entra: { certificate } })
    expect(await failureCode(other.requestToken())).toBe(code)
    other.sandbox.tenant.patch({ entra: { certificate: 'valid' } })
    expect((await other.requestToken()).status).toBe(200)
  })
})

describe('a forced code', () => {
  it.each(Object.keys(ERROR_CATALOGUE).map(Number))('%i answers with its entry', async (code) => {
    patchEntra({ forcedCode: code })
    const answer = await t.requestToken()
    const entry = ERROR_CATALOGUE[code]
    expect(answer.status).toBe(entry?.status)
    const body = answer.json()
    expect(body['error_codes']).toEqual([code])
    expect(body['error']).toBe(entry?.error)
    expect(body['error_description']).toMatch(new RegExp(`^AADSTS${code}: \\S`))
    expect(body['error_description']).not.toMatch(/undefined|''/)
  })

  it('that the catalogue lacks is a bad request, and null ends it', async () => {
    patchEntra({ forcedCode: 123456 })
    expect((await t.requestToken()).status).toBe(400)
    patchEntra({ forcedCode: null })
    expect((await t.requestToken()).status).toBe(200)
  })
})

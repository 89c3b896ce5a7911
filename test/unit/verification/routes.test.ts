import { Value } from 'typebox/value'
import { describe, expect, it } from 'vitest'
import { createHttpServer } from '../../../src/http/index.ts'
import {
  createTestEmail,
  Report,
  ReportPage,
  verificationRoutes,
} from '../../../src/verification/index.ts'
import { entraFailure, noToken, startBench } from './fakes.ts'
import { refusedBy, scriptedMailer } from './scripted-mailer.ts'

const SECRET_WRONG = entraFailure(7000215, 'Invalid client secret provided.')

/** The routes over a bench; the bearer token's text is its scopes. */
async function startApi() {
  await using opened = new AsyncDisposableStack()
  const bench = opened.use(await startBench())
  const app = createHttpServer({
    log: bench.log,
    authenticate: (authorization) => ({
      tokenId: 't1',
      name: 'test',
      scopes: new Set((authorization ?? '').replace('Bearer ', '').split('+')),
    }),
  })
  opened.defer(() => app.close())
  const { verification } = bench
  const mailer = scriptedMailer('accepted', refusedBy(SECRET_WRONG))
  const testEmail = createTestEmail({ ...bench, mailer })
  await app.register(verificationRoutes({ verification, testEmail }), { prefix: '/api/v1' })
  const resources = opened.move()

  async function call(
    method: 'GET' | 'POST',
    url: string,
    options: { scopes?: string; body?: object } = {},
  ) {
    const { scopes = 'admin+operator+send+monitor', body } = options
    const answer = await app.inject({
      method,
      url: `/api/v1${url}`,
      headers: { authorization: `Bearer ${scopes}` },
      ...(body !== undefined && { payload: body }),
    })
    return { status: answer.statusCode, json: answer.json() }
  }
  return { ...bench, mailer, call, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

describe('the routes of the verification', () => {
  it('run a verification, with and without a body', async () => {
    await using api = await startApi()
    const plain = await api.call('POST', '/profiles/default/verify')
    expect(plain.status).toBe(200)
    expect(Value.Check(Report, plain.json)).toBe(true)
    expect(plain.json).toMatchObject({ reason: 'requested', withMessage: false })
    const sending = await api.call('POST', '/profiles/default/verify', {
      body: { sendTo: 'it@contoso.com' },
    })
    expect(sending.json).toMatchObject({ withMessage: true, outcome: 'ok' })
  })

  it('answer a failed verification with its report', async () => {
    await using api = await startApi()
    api.tokens.script = () => noToken(SECRET_WRONG)
    const answer = await api.call('POST', '/profiles/default/verify')
    expect(answer.status).toBe(200)
    expect(answer.json).toMatchObject({ outcome: 'failed', diagnosis: { row: 4 } })
  })

  it('list the reports page by page and read one', async () => {
    await using api = await startApi()
    for (let i = 0; i < 3; i++) {
      await api.call('POST', '/profiles/default/verify')
      await api.clock.advance(1_000)
    }
    const first = await api.call('GET', '/profiles/default/reports?limit=2')
    expect(Value.Check(ReportPage, first.json)).toBe(true)
    expect(first.json.reports).toHaveLength(2)
    const rest = await api.call(
      'GET',
      `/profiles/default/reports?limit=2&before=${first.json.nextBefore}`,
    )
    expect(rest.json.reports).toHaveLength(1)
    expect(rest.json.nextBefore).toBeNull()
    const one = await api.call('GET', `/reports/${rest.json.reports[0].id}`)
    expect(Value.Check(Report, one.json)).toBe(true)
  })

  it('send a test email, or answer with the diagnosis', async () => {
    await using api = await startApi()
    const body = { to: 'it@contoso.com' }
    const sent = await api.call('POST', '/profiles/default/test-email', { scopes: 'send', body })
    expect(sent.status).toBe(200)
    expect(sent.json).toMatchObject({ to: 'it@contoso.com', messageId: '<m@contoso.com>' })

    const failed = await api.call('POST', '/profiles/default/test-email', { body })
    expect(failed.status).toBe(503)
    expect(failed.json).toMatchObject({
      code: 'test_email_failed',
      diagnosis: { row: 4, remedy: expect.any(String) },
    })
  })

  it.each([
    ['POST', '/profiles/default/verify', { sendto: 'x' }, 400, 'input_invalid'],
    ['POST', '/profiles/default/verify', { sendTo: 'x' }, 400, 'recipient_invalid'],
    ['POST', '/profiles/default/test-email', {}, 400, 'input_invalid'],
    ['POST', '/profiles/default/test-email', { to: 'x' }, 400, 'recipient_invalid'],
    ['GET', '/profiles/default/reports?limit=0', undefined, 400, 'input_invalid'],
    ['GET', '/profiles/default/reports?before=then', undefined, 400, 'input_invalid'],
    ['POST', '/profiles/nobody/verify', undefined, 404, 'profile_not_found'],
    ['POST', '/profiles/nobody/test-email', { to: 'a@b.com' }, 404, 'profile_not_found'],
    ['GET', '/profiles/nobody/reports', undefined, 404, 'profile_not_found'],
    ['GET', '/reports/nothing', undefined, 404, 'report_not_found'],
  ] as const)('answer %s %s %j with %i %s', async (method, url, body, status, code) => {
    await using api = await startApi()
    const answer = await api.call(method, url, body === undefined ? {} : { body })
    expect(answer).toMatchObject({ status, json: { code } })
  })

  it.each([
    ['POST', '/profiles/default/verify', 'send+monitor'],
    ['POST', '/profiles/default/test-email', 'monitor'],
    ['GET', '/profiles/default/reports', 'send'],
    ['GET', '/reports/x', 'send'],
  ] as const)('refuse %s %s to a token with %s', async (method, url, scopes) => {
    await using api = await startApi()
    const answer = await api.call(method, url, { scopes, body: { to: 'it@contoso.com' } })
    expect(answer.status).toBe(403)
    expect(api.tokens.asked).toEqual([])
    expect(api.mailer.sent).toEqual([])
  })
})

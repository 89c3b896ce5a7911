import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { HOUR_MS, systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/platform/secret.ts'
import { startSandboxTenant } from '../../src/sandbox/index.ts'
import { INITIAL } from '../../src/sandbox/initial-state.ts'
import { type Answer, startAgent } from '../support/agent.ts'
import { createCall } from '../support/api.ts'
import { runCommand } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { findLeaks, type Guarded, readFolder, type Searched } from '../support/leaks.ts'
import { readMail } from '../support/mail.ts'
import { createMovableClock, overPauses } from '../support/movable-clock.ts'

const WRONG_SECRET = 'zz9Q~this-secret-is-wrong-but-secret-0'
const NEW_SECRET = 'n3w8Q~the-second-secret-of-this-app-77'
const WRONG_PASSWORD = 'Wrong-Gate-password-0815'
const FOREIGN_TOKEN = 'pst_foreignforeignforeignforeignforeignfore'

it('finds what it searches for, in each form', () => {
  const guarded: Guarded[] = [{ name: 'it', value: INITIAL.clientSecret }]
  const value = INITIAL.clientSecret
  const forms = [
    value,
    value.slice(-20 - 4),
    encodeURIComponent(`&${value}&`),
    ...['', 'x', 'xy'].flatMap((before) => {
      const bytes = Buffer.from(`${before}${value} and more`)
      return [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')]
    }),
  ]
  for (const form of forms) {
    expect(
      findLeaks(guarded, [{ name: 'here', content: `before ${form} after` }]),
      form,
    ).toHaveLength(1)
  }
  expect(findLeaks(guarded, [{ name: 'here', content: value.slice(0, 6) }])).toEqual([])
})

it('no secret stands in a log line, an answer, a mail, a metric or a file', async () => {
  using folder = temporaryFolder()
  await using tenant = await startSandboxTenant({ clock: systemClock })
  const issued = vi.spyOn(tenant.tenant, 'issueToken')
  const answers: Searched[] = []
  const apiTokens: string[] = []
  const clock = createMovableClock(-4 * HOUR_MS)
  let logs: readonly string[] = []
  let firstToken = ''
  {
    await using agent = await startAgent({
      tenant,
      folder,
      clock,
      config: { adminToken: undefined, masterKey: undefined },
    })
    logs = agent.logs.lines
    firstToken = (agent.agent.firstAdminToken?.token ?? new Secret('')).reveal()
    const plainCall = createCall({ url: agent.url, token: firstToken })
    /** Calls, and keeps the answer to be searched. */
    const call: typeof plainCall = async (method, path, body, headers) => {
      const answer = await overPauses(clock, plainCall(method, path, body, headers))
      answers.push({ name: `answer to ${method} ${path}`, content: wholeOf(answer) })
      return answer
    }
    const withSecret = (value: string, more: Record<string, unknown> = {}) => {
      const profile = agent.profile(more)
      const credential = { type: 'clientSecret', value, expiresAt: '2027-01-01' }
      const authentication = Object.assign({}, profile['authentication'], { credential })
      return { ...profile, authentication }
    }
    const basic = (password: string) => ({
      ...agent.profile({ id: 'plain' }),
      authentication: { type: 'basic', username: tenant.mailbox, password },
    })
    const put = async (profile: Record<string, unknown>) => {
      await call('PUT', `profiles/${profile['id']}`, profile, { 'if-match': '*' })
      await overPauses(clock, agent.agent.idle())
    }
    const testEmail = (id: string) =>
      call('POST', `profiles/${id}/test-email`, { to: 'you@contoso.com' })
    const patch = (change: unknown) => tenant.tenant.patch(change)

    // Good settings, used.
    await call('POST', 'profiles', withSecret(tenant.clientSecret))
    await call('POST', 'profiles', withSecret(tenant.clientSecret, { id: 'carrier' }))
    await call('POST', 'profiles', basic(INITIAL.mailboxPassword))
    await overPauses(clock, agent.agent.idle())
    clock.pass(4 * HOUR_MS)
    for (const id of ['default', 'carrier', 'plain']) {
      expect((await testEmail(id)).status).toBe(200)
      await call('POST', `profiles/${id}/verify`, { sendTo: 'you@contoso.com' })
    }

    // Wrong ones, and each kind of refusal on the way.
    await put(basic(WRONG_PASSWORD))
    await put(withSecret(WRONG_SECRET))
    expect((await testEmail('plain')).status).toBe(503)
    clock.pass(3 * HOUR_MS)
    await call('POST', 'profiles/default/verify', {})
    await put(withSecret(tenant.clientSecret))
    await put(basic(INITIAL.mailboxPassword))
    for (const change of [
      {
        exchange: {
          servicePrincipals: { [tenant.clientId]: { objectId: INITIAL.applicationObjectId } },
        },
      },
      { smtp: { fault: 'dropAtAuth' } },
      { smtp: { fault: 'dropMidData' } },
      { smtp: { fault: 'tls10' } },
      { mailboxes: { [tenant.mailbox]: { fullAccess: { [tenant.clientId]: null } } } },
    ]) {
      patch(change)
      await call('POST', 'profiles/default/verify', { sendTo: 'you@contoso.com' })
      await testEmail('default')
      await testEmail('plain')
      tenant.tenant.reset()
    }
    for (const fault of ['html', 'halfBody', 'reset', 'redirect', 'throttled']) {
      patch({ entra: { fault } })
      clock.pass(HOUR_MS / 4)
      await call('POST', 'profiles/default/verify', {})
      tenant.tenant.reset()
    }
    patch({
      apps: { [tenant.clientId]: { secrets: { [INITIAL.secretKeyId]: { value: NEW_SECRET } } } },
    })
    clock.pass(HOUR_MS)
    await put(withSecret(NEW_SECRET, { senderDisplayName: 'Renewed' }))
    await overPauses(clock, agent.agent.idle())

    // Secrets in places where they do not belong.
    for (const [field, value] of [
      ['id', NEW_SECRET],
      ['subjectPrefix', `${NEW_SECRET}\r\n`],
      ['notAField', NEW_SECRET],
      ['server', NEW_SECRET],
    ] as const) {
      expect(
        (
          await call('POST', 'profiles', {
            ...withSecret(NEW_SECRET, { id: 'odd' }),
            [field]: value,
          })
        ).status,
      ).toBe(400)
    }
    for (const [field, value] of [
      ['clientId', NEW_SECRET],
      ['tenantId', NEW_SECRET],
      ['username', NEW_SECRET],
      ['secret', NEW_SECRET],
      ['credential', { type: 'clientSecret', value: `${NEW_SECRET} ${NEW_SECRET}` }],
      ['credential', { type: 'clientSecret', value: NEW_SECRET, expiresAt: NEW_SECRET }],
      ['credential', { type: NEW_SECRET }],
    ] as const) {
      const odd = withSecret(NEW_SECRET, { id: 'odd' })
      const authentication = { ...odd.authentication, [field]: value }
      expect((await call('POST', 'profiles', { ...odd, authentication })).status, field).toBe(400)
    }
    await call('POST', 'profiles', `{"id":"odd","authentication":{"value":"${NEW_SECRET}"`)
    await call('GET', `profiles/x?secret=${encodeURIComponent(NEW_SECRET)}`)
    await call('GET', `status?access_token=${firstToken}`)
    await call('POST', 'profiles/default/verify', { password: WRONG_PASSWORD })

    // Tokens and logins.
    for (const scope of ['admin', 'operator', 'send', 'monitor']) {
      const made = await plainCall('POST', 'tokens', { name: scope, scopes: [scope] })
      expect(made.status).toBe(201)
      apiTokens.push(made.body.token)
      await call('DELETE', `tokens/${made.body.id}`)
      await call('GET', 'status', undefined, { authorization: `Bearer ${made.body.token}` })
    }
    await call('GET', 'status', undefined, { authorization: `Bearer ${FOREIGN_TOKEN}` })
    await call('GET', 'status', undefined, {
      authorization: `Basic ${Buffer.from(`admin:${firstToken}`).toString('base64')}`,
    })
    const env = { POSTERN_DATA_DIR: folder.path, POSTERN_ALLOW_CUSTOM_CLOUD: 'true' }
    for (const argv of [
      ['token', 'list'],
      ['token', 'list', '--json'],
      ['doctor'],
      ['doctor', '--json'],
    ]) {
      const { stdout, stderr } = await runCommand(argv, env)
      answers.push({ name: `postern ${argv.join(' ')}`, content: stdout + stderr })
    }

    // Everything that can be read.
    const { reports } = (await call('GET', 'profiles/default/reports?limit=100')).body
    for (const { id } of reports) await call('GET', `reports/${id}`)
    const { alerts } = (await call('GET', 'alerts?limit=1000')).body
    expect(alerts.length).toBeGreaterThan(1)
    for (const path of [
      'profiles',
      'profiles/plain/reports',
      'tokens',
      'audit?limit=200',
      'status',
      'openapi.json',
      '/metrics',
      '/readyz',
    ]) {
      expect((await call('GET', path)).status, path).toBe(200)
    }
    await call('DELETE', 'profiles/plain', undefined, { 'if-match': '*' })
    await overPauses(clock, agent.agent.idle())
    answers.push(
      ...readFolder(folder.path)
        .map(({ name, content }) => ({ name: `open ${name}`, content }))
        .filter(isOrdinary),
    )
  }

  const accessTokens = await Promise.all(issued.mock.results.map(({ value }) => value))
  expect(accessTokens.length).toBeGreaterThan(5)
  const masterKey = readFileSync(join(folder.path, 'master.key'), 'utf8').trim()
  const guarded: Guarded[] = [
    { name: 'client secret', value: tenant.clientSecret },
    { name: 'wrong client secret', value: WRONG_SECRET },
    { name: 'new client secret', value: NEW_SECRET },
    { name: 'password', value: INITIAL.mailboxPassword },
    { name: 'wrong password', value: WRONG_PASSWORD },
    { name: 'master key', value: masterKey },
    { name: 'bytes of the master key', value: Buffer.from(masterKey, 'base64') },
    { name: 'first API token', value: firstToken },
    { name: 'foreign API token', value: FOREIGN_TOKEN },
    ...apiTokens.map((value, i) => ({ name: `API token ${i}`, value })),
    ...accessTokens.map((value, i) => ({ name: `access token ${i}`, value })),
  ]
  const mails = tenant.tenant.inbox.list().map(({ raw }, i): Searched => {
    const { subject, text, html } = readMail(raw)
    return { name: `mail ${i}`, content: [raw, subject, text, html].join('\n') }
  })
  const searched: Searched[] = [
    ...logs.map(
      (line, i): Searched => ({ name: `log line ${i}: ${line.slice(0, 300)}`, content: line }),
    ),
    ...answers,
    ...mails,
    ...readFolder(folder.path).filter(isOrdinary),
  ]
  expect(logs.length).toBeGreaterThan(50)
  expect(findLeaks(guarded, searched)).toEqual([])

  // Where they are meant to stand.
  const kept = readFolder(folder.path).filter((file) => !isOrdinary(file))
  expect(findLeaks(guarded, kept).toSorted()).toEqual([
    'bytes of the master key (base64) in file master.key',
    'first API token (plain) in file initial-admin-token',
    'master key (plain) in file master.key',
  ])
})

function isOrdinary({ name }: Searched): boolean {
  return !/(master\.key|initial-admin-token)$/.test(name)
}

function wholeOf({ status, headers, text }: Answer): string {
  return `${status}\n${[...headers].map((field) => field.join(': ')).join('\n')}\n\n${text}`
}

import { afterEach, beforeEach, expect, it } from 'vitest'
import { DAY_MS, parseInstant, SECOND_MS, systemClock, toIsoDay } from '../../src/platform/clock.ts'
import { startAgent, type TestAgent } from '../support/agent.ts'
import { flat, type ReadMail, readMail } from '../support/mail.ts'

const PUBLIC_URL = 'https://postern.contoso.com'

let agent: TestAgent
beforeEach(async () => {
  const http = { host: '127.0.0.1', port: 0, publicUrl: PUBLIC_URL }
  agent = await startAgent({ config: { http } })
})
afterEach(() => agent[Symbol.asyncDispose]())

/** A day that lies so many calendar days (UTC) ahead. */
function dayIn(days: number): string {
  return toIsoDay(systemClock.now() + days * DAY_MS)
}

/** A working profile whose secret ends on that day. */
function profileEnding(day: string | null, more: Record<string, unknown> = {}) {
  const working = agent.profile(more)
  const { tenant } = agent
  const credential = { type: 'clientSecret', value: tenant.clientSecret, expiresAt: day }
  return {
    ...working,
    authentication: Object.assign({}, working['authentication'], { credential }),
  }
}

async function create(profile: Record<string, unknown>) {
  const answer = await agent.call('POST', 'profiles', profile)
  expect(answer.status, answer.text).toBe(201)
  await agent.agent.idle()
  return answer
}

async function mailTo(address: string): Promise<ReadMail> {
  const { inbox } = agent.tenant.tenant
  const wait = AbortSignal.timeout(30_000)
  return readMail((await inbox.waitFor((m) => m.envelope.to.includes(address), wait)).raw)
}

it('stores a profile without showing its secret, and verifies it at once', async () => {
  const created = await create(profileEnding('2099-05-01'))
  expect(created.headers.get('location')).toBe('/api/v1/profiles/default')
  expect(created.headers.get('etag')).toBe(`"${created.body.version}"`)
  expect(created.body.authentication.credential).toMatchObject({
    set: true,
    hint: agent.tenant.clientSecret.slice(0, 3),
    expiresAt: '2099-05-01T23:59:59.999Z',
  })
  expect((await agent.call('GET', 'profiles')).body.profiles).toEqual([created.body])

  const { reports } = (await agent.call('GET', 'profiles/default/reports')).body
  expect(reports).toMatchObject([{ reason: 'saved', outcome: 'ok', withMessage: false }])
  const report = (await agent.call('GET', `reports/${reports[0].id}`)).body
  expect(report.checks.map((check: { name: string }) => check.name)).toEqual([
    'settingsComplete',
    'credentialNotEnded',
    'entraReachable',
    'tokenIssued',
    'tokenAudience',
    'tokenRole',
    'serverReachable',
    'tls',
    'authOffered',
    'authAccepted',
  ])
  expect(report.checks.every((check: { outcome: string }) => check.outcome === 'ok')).toBe(true)
  expect(report.unproven.join(' ')).toContain('FullAccess')

  const status = (await agent.call('GET', 'status')).body
  expect(status).toMatchObject({
    status: 'ok',
    version: '0.0.0-test',
    problems: [],
    profiles: [
      {
        id: 'default',
        health: 'ok',
        lastVerifiedAt: report.finishedAt,
        lastDeliveredAt: null,
        credential: {
          type: 'clientSecret',
          expiresAt: '2099-05-01T23:59:59.999Z',
          expirySource: 'typed',
        },
        queue: { queued: 0, held: 0, oldestAgeSeconds: null },
        openAlerts: 0,
        problem: null,
      },
    ],
  })
  expect(agent.tenant.tenant.counters).toMatchObject({ tokensIssued: 1, messagesAccepted: 0 })
})

it('sends a test email that any mail program can read', async () => {
  const name = 'Störfall „Nord“, Wache'
  await create(profileEnding('2099-05-01', { senderDisplayName: name, subjectPrefix: '[Ü1] ' }))
  const answer = await agent.call('POST', 'profiles/default/test-email', { to: 'you@contoso.com' })
  expect(answer.status, answer.text).toBe(200)
  expect(answer.body).toMatchObject({
    to: 'you@contoso.com',
    reply: expect.stringMatching(/^250 2\.0\.0 OK </),
    serverMessageId: answer.body.messageId,
  })

  const [message] = agent.tenant.tenant.inbox.list()
  if (message === undefined) throw new Error('nothing arrived')
  expect(message.envelope).toEqual({ from: agent.tenant.mailbox, to: ['you@contoso.com'] })
  const { raw } = message
  // RFC 5322 §2.1.1 and §2.3: lines end in CR LF and have at most 998 octets; header fields are ASCII.
  expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  expect(raw.endsWith('\r\n')).toBe(true)
  expect(Math.max(...raw.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998)
  expect(raw).toMatch(/^[\t\n\r -~]*$/)

  const mail = readMail(raw)
  for (const field of ['From', 'To', 'Subject', 'Date', 'Message-ID', 'MIME-Version']) {
    expect(mail.header(field), field).toHaveLength(1)
  }
  expect(mail.header('Message-ID')).toEqual([answer.body.messageId])
  expect(mail.header('From')[0]).toContain(`<${agent.tenant.mailbox}>`)
  expect(mail.header('From')[0]).toContain(name)
  expect(mail.header('To')).toEqual(['you@contoso.com'])
  expect(mail.header('Bcc')).toEqual([])
  expect(mail.header('Auto-Submitted')).toEqual(['auto-generated'])
  const date = globalThis.Date.parse(mail.header('Date')[0] ?? '')
  expect(Math.abs(date - systemClock.now())).toBeLessThan(60 * SECOND_MS)
  expect(mail.subject).toMatch(/^\[Ü1\] .*default/)
  expect(mail.contentType).toBe('multipart/alternative')
  for (const body of [mail.text, mail.html]) {
    expect(body).toContain('default')
    expect(body).toContain('0.0.0-test')
    expect(body).toContain(name)
    expect(body).toContain(new globalThis.Date(date).toISOString().slice(0, 16))
  }
  const [shown] = (await agent.call('GET', 'status')).body.profiles
  expect(parseInstant(shown.lastDeliveredAt)).toBeGreaterThan(0)
})

it('tells in time that the secret ends, and gives the all-clear for a new one', async () => {
  const day = dayIn(12)
  await create(profileEnding(day))
  const { alerts } = (await agent.call('GET', 'alerts?state=open')).body
  expect(alerts).toMatchObject([
    {
      kind: 'credentialExpiring',
      profileId: 'default',
      severity: 'warning',
      state: 'open',
      notification: { state: 'delivered', recipient: 'it@contoso.com' },
    },
  ])
  const [alert] = alerts
  expect(alert.summary).toContain(`in 12 days, on ${day} (UTC)`)
  const mail = await mailTo('it@contoso.com')
  expect(mail.subject).toBe(`[Process] ${alert.summary}`)
  expect(flat(mail.text)).toContain('The Entra administrator makes a new client secret')
  expect(mail.text).toContain(agent.tenant.clientId)
  expect(mail.text).toContain(`${PUBLIC_URL}/api/v1/alerts/${alert.id}`)
  expect((await agent.call('GET', 'status')).body).toMatchObject({
    status: 'warning',
    profiles: [{ openAlerts: 1, undeliveredAlerts: 0, credential: { daysLeft: 12 } }],
  })

  const acknowledged = await agent.call('POST', `alerts/${alert.id}/acknowledge`)
  expect(acknowledged.body).toMatchObject({
    state: 'acknowledged',
    acknowledgedAt: expect.any(String),
  })

  const renewed = profileEnding('2099-05-01')
  await agent.call('PUT', 'profiles/default', renewed, { 'if-match': '*' })
  await agent.agent.idle()
  expect((await agent.call('GET', `alerts/${alert.id}`)).body.state).toBe('resolved')
  expect((await agent.call('GET', 'status')).body).toMatchObject({
    status: 'ok',
    profiles: [{ openAlerts: 0 }],
  })
  const subjects = agent.tenant.tenant.inbox.list().map(({ raw }) => readMail(raw).subject)
  expect(subjects).toEqual([mail.subject, expect.stringMatching(/^\[Process\] Resolved: /)])
})

it('lets only the one who saw the latest version change a profile', async () => {
  await create(profileEnding('2099-05-01'))
  const read = await agent.call('GET', 'profiles/default')
  const etag = read.headers.get('etag') ?? ''
  const renamed = profileEnding('2099-05-01', { senderDisplayName: 'One' })

  const blind = await agent.call('PUT', 'profiles/default', renamed)
  expect([blind.status, blind.body.code]).toEqual([428, 'precondition_required'])

  const first = await agent.call('PUT', 'profiles/default', renamed, { 'if-match': etag })
  expect(first.status).toBe(200)
  expect(first.headers.get('etag')).not.toBe(etag)

  const second = await agent.call(
    'PUT',
    'profiles/default',
    { ...renamed, senderDisplayName: 'Two' },
    { 'if-match': etag },
  )
  expect([second.status, second.body.code]).toEqual([412, 'profile_changed'])
  expect(second.body.detail).toContain('changed by somebody else')
  const late = await agent.call('DELETE', 'profiles/default', undefined, { 'if-match': etag })
  expect(late.status).toBe(412)
  const stored = (await agent.call('GET', 'profiles/default')).body
  expect(stored).toMatchObject({ senderDisplayName: 'One', version: first.body.version })
})

it('uses a new secret at once and never the old one again', async () => {
  await create(profileEnding('2099-05-01'))
  const { tenant, clientId } = agent.tenant
  const [keyId = ''] = Object.keys(tenant.state().apps[clientId]?.secrets ?? {})
  const value = 'n3w8Q~secret-of-the-same-application-77'
  tenant.patch({ apps: { [clientId]: { secrets: { [keyId]: { value } } } } })
  const { tokensIssued } = tenant.counters

  const current = profileEnding('2099-05-01')
  const credential = { type: 'clientSecret', value, expiresAt: '2099-06-01' }
  const changed = {
    ...current,
    authentication: Object.assign({}, current.authentication, { credential }),
  }
  const saved = await agent.call('PUT', 'profiles/default', changed, { 'if-match': '*' })
  expect(saved.body.authentication.credential.hint).toBe('n3w')
  await agent.agent.idle()
  expect(tenant.counters.tokensIssued).toBe(tokensIssued + 1)
  expect((await agent.call('GET', 'status')).body.profiles[0].health).toBe('ok')
  const sent = await agent.call('POST', 'profiles/default/test-email', { to: 'you@contoso.com' })
  expect(sent.status).toBe(200)
  expect(tenant.counters.tokensIssued).toBe(tokensIssued + 1)

  // A wrong one is used as quickly: the good token of the moment before must not hide it.
  const wrong = profileEnding('2099-05-01')
  await agent.call('PUT', 'profiles/default', wrong, { 'if-match': '*' })
  await agent.agent.idle()
  expect((await agent.call('GET', 'status')).body.profiles[0].problem.code).toBe('secret_wrong')
})

it('records who changed what, without any secret', async () => {
  await create(profileEnding('2099-05-01'))
  await agent.call('PUT', 'profiles/default', profileEnding(null, { subjectPrefix: '' }), {
    'if-match': '*',
  })
  await agent.call('DELETE', 'profiles/default', undefined, { 'if-match': '*' })
  const { entries } = (await agent.call('GET', 'audit?targetType=profile')).body
  expect(entries.map((entry: { action: string }) => entry.action)).toEqual([
    'profile.removed',
    'profile.changed',
    'profile.created',
  ])
  const actor = { type: 'token', name: 'Preset administrator', address: '127.0.0.1' }
  for (const entry of entries) {
    expect(entry).toMatchObject({ actor, target: { type: 'profile', id: 'default' } })
  }
  expect(JSON.stringify(entries[1].change)).toContain('[Process] ')
  expect(JSON.stringify(entries)).not.toContain(agent.tenant.clientSecret)
})

it('removes a profile with its secret, its reports and its alerts', async () => {
  await create(profileEnding(dayIn(2)))
  const { reports } = (await agent.call('GET', 'profiles/default/reports')).body
  const removed = await agent.call('DELETE', 'profiles/default', undefined, { 'if-match': '*' })
  expect(removed.status).toBe(204)
  await agent.agent.idle()
  expect((await agent.call('GET', 'profiles/default')).body.code).toBe('profile_not_found')
  expect((await agent.call('GET', `reports/${reports[0].id}`)).body.code).toBe('report_not_found')
  expect((await agent.call('GET', 'alerts?state=open')).body.alerts).toEqual([])
  expect((await agent.call('GET', 'status')).body.profiles).toEqual([])
})

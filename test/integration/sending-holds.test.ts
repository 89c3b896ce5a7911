import { describe, expect, it, vi } from 'vitest'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/platform/clock.ts'
import { type SandboxTenant, startSandboxTenant } from '../../src/sandbox/index.ts'
import { INITIAL } from '../../src/sandbox/initial-state.ts'
import { ADMIN_TOKEN } from '../support/agent.ts'
import { temporaryFolder } from '../support/folder.ts'
import { findLeaks, readFolder, type Searched } from '../support/leaks.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { type SendingAgent, startSendingAgent } from '../support/sending-agent.ts'
import { steadyClock } from '../support/steady-clock.ts'

const { clientId, mailbox, secretKeyId } = INITIAL
const BOSS = 'boss@contoso.com'
const ANN = 'ann@fabrikam.com'
const NEW_SECRET = 'n3W8Q~another-secret-of-this-application'
const LATER = '2099-01-01T00:00:00.000Z'
const SUBJECT_MARK = 'Xylophon-Quartal'
const BODY_MARK = 'Zebrafink-Inhalt'

interface Bench extends AsyncDisposable {
  readonly agent: SendingAgent
  readonly tenant: SandboxTenant
  readonly folder: string
  /** Hands so many messages in over the relay, and answers their Message-IDs. */
  accept(count: number, from?: string): Promise<readonly string[]>
  pass(ms: number, stepMs?: number): Promise<void>
  messages(): Promise<readonly Listed[]>
  arrived(): readonly string[]
  saveSecret(value: string): Promise<void>
}

interface Listed {
  readonly state: string
  readonly attempts: number
  readonly sender: string
  readonly messageId: string
  readonly diagnosis: { readonly code: string } | null
}

async function startBench(): Promise<Bench> {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(temporaryFolder())
  const clock = createMovableClock()
  const tenant = opened.use(await startSandboxTenant({ clock: steadyClock(clock) }))
  tenant.tenant.patch({
    limits: { overRate: 'reject' },
    mailboxes: { [BOSS]: { displayName: 'Boss' } },
  })
  const agent = opened.use(
    await startSendingAgent({
      folder,
      clock,
      tenant,
      profile: (started) => started.profile({ errorEmailAddress: null }),
      relayClient: { allowedFrom: ['@contoso.com'], bounces: true },
    }),
  )
  await agent.agent.idle()
  let count = 0
  const held = opened.move()
  return {
    agent,
    tenant,
    folder: folder.path,
    async accept(wanted, from = mailbox) {
      await using relay = await agent.openRelay()
      const ids: string[] = []
      for (let i = 0; i < wanted; i++) {
        const id = `<h${++count}@contoso.com>`
        const fields = [`From: <${from}>`, `Subject: ${SUBJECT_MARK}`, `Message-ID: ${id}`]
        const content = `${fields.join('\r\n')}\r\n\r\n${BODY_MARK}\r\n`
        expect((await relay.send({ from, to: [ANN], content })).code).toBe(250)
        ids.push(id)
      }
      return ids
    },
    async pass(ms, stepMs = 5 * SECOND_MS) {
      await agent.agent.idle()
      for (let left = ms; left > 0; left -= stepMs) {
        clock.pass(Math.min(left, stepMs))
        await agent.agent.idle()
      }
    },
    messages: async () =>
      (await agent.call('GET', 'messages?limit=200&source=relay')).body.messages,
    arrived: () =>
      tenant.tenant.inbox
        .list()
        .filter(({ envelope }) => envelope.to.includes(ANN))
        .map(({ messageId }) => messageId),
    async saveSecret(value) {
      const profile = agent.profile({ errorEmailAddress: null })
      const credential = { type: 'clientSecret', value, expiresAt: '2099-01-01' }
      const authentication = Object.assign({}, profile['authentication'], { credential })
      const changed = { ...profile, authentication }
      const saved = await agent.call('PUT', 'profiles/default', changed, { 'if-match': '*' })
      expect(saved.status, saved.text).toBe(200)
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

const wrongObject = (objectId: string) => ({
  exchange: { servicePrincipals: { [clientId]: { objectId } } },
})
const addedSecret = {
  apps: { [clientId]: { secrets: { new: { value: NEW_SECRET, endDateTime: LATER } } } },
}

describe('a credential that stops working', () => {
  it.each([
    {
      name: 'a secret that has expired',
      code: 'secret_expired',
      breaks: {
        apps: {
          [clientId]: { secrets: { [secretKeyId]: { endDateTime: '2020-01-01T00:00:00.000Z' } } },
        },
      },
      async repair(bench: Bench) {
        bench.tenant.tenant.patch(addedSecret)
        await bench.saveSecret(NEW_SECRET)
      },
    },
    {
      name: '535 5.7.3 for a wrong service principal',
      code: 'service_principal_not_accepted',
      breaks: wrongObject(INITIAL.applicationObjectId),
      async repair(bench: Bench) {
        bench.tenant.tenant.patch(wrongObject(INITIAL.servicePrincipalObjectId))
        const verified = await bench.agent.call('POST', 'profiles/default/verify', {})
        expect(verified.body.outcome).toBe('ok')
      },
    },
  ])('$name holds the mail, fails none of it, and lets it go when it is repaired', async (row) => {
    await using bench = await startBench()
    const { agent, tenant } = bench
    const before = await bench.accept(2)
    await bench.pass(2 * MINUTE_MS)
    expect(bench.arrived().toSorted()).toEqual(before.toSorted())
    tenant.tenant.patch(row.breaks)
    // Until the token and the connections of before have ended.
    await bench.pass(2 * HOUR_MS, 10 * MINUTE_MS)
    const held = await bench.accept(40)
    await bench.pass(24 * HOUR_MS, 10 * MINUTE_MS)

    const listed = await bench.messages()
    const states = new Set(
      listed.map(({ state, messageId }) => `${state} ${before.includes(messageId)}`),
    )
    expect(states).toEqual(new Set(['delivered true', 'held false']))
    const waiting = listed.filter(({ state }) => state === 'held')
    expect(new Set(waiting.map(({ diagnosis }) => diagnosis?.code))).toEqual(new Set([row.code]))
    const { body: status } = await agent.call('GET', 'status')
    expect(status.profiles[0].queue).toMatchObject({ queued: 0, held: 40 })
    const { alerts } = (await agent.call('GET', 'alerts?limit=100')).body
    expect(alerts.filter(({ kind }: { kind: string }) => kind === 'mailHeld')).toHaveLength(1)
    // No bounce and no report: nothing has failed.
    const { messages } = (await agent.call('GET', 'messages?limit=200')).body
    const sources = new Set(messages.map(({ source }: { source: string }) => source))
    expect(sources.has('bounce') || sources.has('report')).toBe(false)

    await row.repair(bench)
    await bench.pass(3 * MINUTE_MS)
    expect(bench.arrived().toSorted()).toEqual([...before, ...held].toSorted())
    const after = await bench.messages()
    expect(new Set(after.map(({ state }) => state))).toEqual(new Set(['delivered']))
  })
})

describe('a sender that the mailbox may not be', () => {
  it('is held alone, is tried once, and goes out when the right is there', async () => {
    await using bench = await startBench()
    const { tenant } = bench
    const denied = await bench.accept(6, BOSS)
    const own = await bench.accept(6)
    await bench.pass(5 * MINUTE_MS)
    expect(bench.arrived().toSorted()).toEqual(own.toSorted())
    const listed = (await bench.messages()).filter(({ sender }) => sender === BOSS)
    expect(listed.map(({ state, diagnosis }) => [state, diagnosis?.code])).toEqual(
      denied.map(() => ['held', 'send_as_denied']),
    )
    const details = await Promise.all(
      (await bench.agent.call('GET', `messages?limit=10&sender=${BOSS}`)).body.messages.map(
        ({ id }: { id: string }) => bench.agent.call('GET', `messages/${id}`),
      ),
    )
    const refusals = details.flatMap(({ body }) =>
      body.attemptList.filter(({ reply }: { reply: string | null }) => reply !== null),
    )
    expect(refusals).toHaveLength(1)
    expect(refusals[0].reply).toContain('SendAsDenied')

    const more = await bench.accept(3)
    await bench.pass(MINUTE_MS)
    expect(bench.arrived()).toHaveLength(own.length + more.length)
    tenant.tenant.patch({ mailboxes: { [BOSS]: { sendAs: [mailbox] } } })
    await bench.pass(20 * MINUTE_MS)
    expect(bench.arrived().toSorted()).toEqual([...denied, ...own, ...more].toSorted())
  })
})

describe('what passes through', () => {
  it('leaves no secret anywhere, and no subject, text or recipient in the log', async () => {
    await using bench = await startBench()
    const { agent, tenant, folder } = bench
    const issued = vi.spyOn(tenant.tenant, 'issueToken')
    const answers: Searched[] = []
    const read = async (method: string, path: string, body?: unknown) => {
      const answer = await agent.call(method, path, body)
      answers.push({ name: `${method} ${path}`, content: answer.text })
      return answer
    }
    await bench.pass(2 * HOUR_MS, 10 * MINUTE_MS)
    await bench.accept(3)
    await bench.accept(2, BOSS)
    const json = { to: ANN, bcc: 'dora@fabrikam.com', subject: SUBJECT_MARK, text: BODY_MARK }
    expect((await read('POST', 'messages', json)).status).toBe(202)
    await bench.pass(2 * MINUTE_MS)
    tenant.tenant.patch(wrongObject(INITIAL.applicationObjectId))
    await bench.saveSecret(INITIAL.clientSecret)
    await bench.accept(2)
    await bench.pass(MINUTE_MS)
    await expect(
      agent.openRelay({ username: agent.client.username, secret: 'wrong-relay-secret-4711' }),
    ).rejects.toThrow('535')
    const { messages } = (await read('GET', 'messages?limit=200')).body
    expect(messages.length).toBeGreaterThanOrEqual(8)
    for (const { id } of messages) await read('GET', `messages/${id}`)
    for (const path of ['status', 'alerts', 'relay-clients', 'audit', 'profiles', '/metrics']) {
      expect((await read('GET', path)).status, path).toBe(200)
    }

    const accessTokens = await Promise.all(issued.mock.results.map(({ value }) => value))
    expect(accessTokens.length).toBeGreaterThan(0)
    const { username, secret } = agent.client
    const guarded = [
      { name: 'client secret', value: tenant.clientSecret },
      { name: 'relay secret', value: secret },
      { name: 'relay login', value: Buffer.from(`\0${username}\0${secret}`) },
      { name: 'wrong relay secret', value: 'wrong-relay-secret-4711' },
      { name: 'admin token', value: ADMIN_TOKEN },
      ...accessTokens.map((value, i) => ({ name: `access token ${i}`, value })),
    ]
    const log = agent.logs.lines.join('')
    const files = readFolder(folder).filter(({ name }) => !/master\.key$/.test(name))
    expect(files.map(({ name }) => name)).toContain('file postern.db-wal')
    expect(findLeaks(guarded, [{ name: 'log', content: log }, ...answers, ...files])).toEqual([])
    expect(agent.logs.lines.length).toBeGreaterThan(50)
    expect(log).not.toMatch(new RegExp([SUBJECT_MARK, BODY_MARK, ANN, 'dora@'].join('|')))
  })
})

import { describe, expect, it } from 'vitest'
import { createApiClient } from '../../../src/cli/sandbox/api-client.ts'
import { createNarrator } from '../../../src/cli/sandbox/narrator.ts'
import { type RelayState, reachable, showRelay } from '../../../src/cli/sandbox/relay-tour.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { ADMIN_TOKEN } from '../../support/agent.ts'
import { openRelaySender } from '../../support/relay-sender.ts'
import { type SendingAgent, startSendingAgent } from '../../support/sending-agent.ts'

const signal = AbortSignal.timeout(60_000)

function startTour(agent: SendingAgent) {
  const told: string[] = []
  const narrator = createNarrator({ write: (text) => told.push(text) > 0, isTTY: false })
  const api = createApiClient({ url: agent.url, token: new Secret(ADMIN_TOKEN), signal })
  const { relay } = agent.agent
  return {
    told: () => told.join(''),
    narrator,
    show: (state: RelayState = { address: relay.address(), problem: relay.problem() }) =>
      showRelay({ api, tenant: agent.tenant, relay: state, narrator, signal }),
  }
}

async function canLogIn(agent: SendingAgent, login: { username: string; secret: string }) {
  try {
    await using sender = await openRelaySender({ port: agent.relayPort, ...login })
    return sender !== undefined
  } catch {
    return false
  }
}

describe('the relay in the tour of the sandbox', () => {
  it('takes a message of a client that was made for it, and the tenant gets it', async () => {
    await using agent = await startSendingAgent()
    const tour = startTour(agent)
    const login = await tour.show()
    expect(login?.username).toBe('sandbox-tour')
    const [message] = agent.tenant.tenant.inbox.list()
    expect(message?.envelope).toEqual({ from: 'alerts@contoso.com', to: ['you@contoso.com'] })
    expect(message?.raw.toString()).toMatch(/^Received: from .* \(Postern\) with ESMTPSA\r\n/)
    expect(tour.told()).toContain('Relay accepted the message, it is on disk  250 2.0.0')
  })

  it('uses its client again on a data folder of an earlier run, with a new secret', async () => {
    await using agent = await startSendingAgent()
    const tour = startTour(agent)
    const first = (await tour.show()) ?? { username: '', secret: '' }
    const second = (await tour.show()) ?? { username: '', secret: '' }
    expect(await canLogIn(agent, second)).toBe(true)
    expect(await canLogIn(agent, first)).toBe(false)
    const { body } = await agent.call('GET', 'relay-clients')
    const names = body.clients.map(({ name }: { name: string }) => name)
    expect(names.filter((name: string) => name === 'sandbox-tour')).toHaveLength(1)
  })

  it.each([
    [null, 'The relay is switched off (POSTERN_RELAY_PORT=0).'],
    ['Another program uses it.', 'warn  The relay is closed  Another program uses it.'],
  ])('says why there is nothing to show: %s', async (problem, words) => {
    await using agent = await startSendingAgent()
    const tour = startTour(agent)
    expect(await tour.show({ address: null, problem })).toBeNull()
    expect(tour.told()).toContain(words)
    expect(agent.tenant.tenant.inbox.list()).toEqual([])
  })

  it('is told with a line to try, which only a known login makes work', () => {
    const lines: string[] = []
    const narrator = createNarrator({ write: (text) => lines.push(text) > 0, isTTY: false })
    const facts = {
      url: 'http://127.0.0.1:8587',
      adminToken: 'pst_x',
      controlUrl: 'http://127.0.0.1:1',
      smtp: { host: 'localhost', port: 2 },
      authority: '',
      graphUrl: '',
      caFile: '',
      tenantId: '',
      clientId: '',
      clientSecret: '',
      mailbox: 'alerts@contoso.com',
      relay: { host: '::', port: 2587 },
    }
    narrator.facts(facts, { profileId: 'default', login: null })
    expect(lines.join('')).toContain('[::1]:2587')
    expect(lines.join('')).not.toContain('smtp://')
    narrator.facts(facts, { profileId: 'default', login: { username: 'me', secret: 'psr_y' } })
    expect(lines.join('')).toContain('curl -s smtp://[::1]:2587 --ssl-reqd -k -u me:psr_y')
    lines.length = 0
    narrator.facts({ ...facts, relay: null }, { profileId: 'default', login: null })
    expect(lines.join('')).toContain('(not open)')
  })

  it.each([
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
    ['192.0.2.7', '192.0.2.7'],
  ])('is reached at %s by %s', (host, name) => {
    expect(reachable(host)).toBe(name)
  })
})

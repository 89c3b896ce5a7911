import { createTransport } from 'nodemailer'
import type { SandboxTenant } from '../../sandbox/index.ts'
import { readRelayClients, readSavedRelayClient } from './answers.ts'
import { type ApiClient, expectOk } from './api-client.ts'
import type { RelayFacts } from './facts.ts'
import type { Narrator } from './narrator.ts'
import { SANDBOX_PROFILE_ID, TEST_RECIPIENT } from './profile.ts'

/** How an application logs in at the relay. */
export interface RelayLogin {
  readonly username: string
  readonly secret: string
}

/** Where the relay listens, or why it does not. */
export interface RelayState {
  readonly address: RelayFacts | null
  readonly problem: string | null
}

const CLIENT_NAME = 'sandbox-tour'

/** Makes a relay client and sends a message through it, as an application without OAuth does. */
export async function showRelay(deps: {
  api: ApiClient
  tenant: SandboxTenant
  relay: RelayState
  narrator: Narrator
  /** Ends the wait for the message. */
  signal: AbortSignal
}): Promise<RelayLogin | null> {
  const { api, tenant, narrator, signal } = deps
  const { address, problem } = deps.relay
  if (address === null) {
    if (problem === null) narrator.note('The relay is switched off (POSTERN_RELAY_PORT=0).')
    else narrator.warned('The relay is closed', problem)
    return null
  }
  const login = await makeClient(api)
  narrator.done('Relay client made', `login ${login.username}, a password of its own`)
  const transport = createTransport({
    host: reachable(address.host),
    port: address.port,
    auth: { user: login.username, pass: login.secret },
    // A certificate that the agent has made for itself, on this machine.
    tls: { rejectUnauthorized: false },
  })
  const { mailbox } = tenant
  const { messageId, response } = await transport.sendMail({
    from: mailbox,
    to: TEST_RECIPIENT,
    subject: 'Printer 3: paper is low',
    text: 'Tray 2 of printer 3 is empty.',
  })
  narrator.done('Relay accepted the message, it is on disk', response)
  await tenant.tenant.inbox.waitFor((message) => message.messageId === messageId, signal)
  narrator.done('It arrived in the simulated inbox', `from ${mailbox}, logged in with OAuth`)
  return login
}

/** A new one, or that of an earlier run with a new secret. */
async function makeClient(api: ApiClient): Promise<RelayLogin> {
  const known = readRelayClients(expectOk(await api.call('GET', 'relay-clients')))
  const kept = known.find(({ name }) => name === CLIENT_NAME)
  const input = { name: CLIENT_NAME, profileId: SANDBOX_PROFILE_ID }
  const answer =
    kept === undefined
      ? await api.call('POST', 'relay-clients', input)
      : await api.call('PUT', `relay-clients/${kept.id}`, { ...input, renewSecret: true })
  const { username, secret } = readSavedRelayClient(expectOk(answer))
  return { username: username ?? '', secret: secret ?? '' }
}

/** An address that means every interface is reached on loopback. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

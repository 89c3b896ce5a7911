import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HOUR_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import { type SandboxTenant, startSandboxTenant } from '../../../src/sandbox/index.ts'
import type { SetupGuide } from '../../../src/setup/index.ts'
import { startAgent, type TestAgent } from '../../support/agent.ts'
import { type TemporaryFolder, temporaryFolder } from '../../support/folder.ts'
import { createMovableClock, type MovableClock } from '../../support/movable-clock.ts'

const NO_FULL_ACCESS = { mailboxes: { 'alerts@contoso.com': { fullAccess: null } } }

let clock: MovableClock
let folder: TemporaryFolder
let tenant: SandboxTenant
let agent: TestAgent
beforeEach(async () => {
  clock = createMovableClock()
  folder = temporaryFolder()
  tenant = await startSandboxTenant({ clock })
  agent = await startAgent({ tenant, folder, clock })
  const { status, text } = await agent.call('POST', 'profiles', agent.profile())
  expect(status, text).toBe(201)
  await agent.agent.idle()
})
afterEach(async () => {
  await agent[Symbol.asyncDispose]()
  await tenant[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function restart(): Promise<void> {
  await agent[Symbol.asyncDispose]()
  agent = await startAgent({ tenant, folder, clock })
}

async function send(status: number): Promise<void> {
  const answer = await agent.call('POST', 'profiles/default/test-email', { to: 'it@contoso.com' })
  expect(answer.status, answer.text).toBe(status)
}

async function stepOf(id: string) {
  const { body } = await agent.call('GET', 'profiles/default/setup')
  const { steps }: SetupGuide = body
  const step = steps.find((each) => each.id === id)
  if (step === undefined) throw new Error(`no step ${id}`)
  return step
}

const lastTestEmail = async () => (await agent.call('GET', 'status')).body.profiles[0].lastTestEmail

describe('a test email that the server does not take over', () => {
  beforeEach(async () => {
    // Long after the change: nothing is spreading any more.
    clock.pass(3 * HOUR_MS)
    tenant.tenant.patch(NO_FULL_ACCESS)
    await send(503)
  })

  it('fails its step and that of the permission, with the answer, also after a restart', async () => {
    for (const after of ['at once', 'after a restart']) {
      const step = await stepOf('test-email')
      expect(step, after).toMatchObject({
        state: 'failed',
        diagnosis: { code: 'mailbox_permission_missing' },
      })
      expect(step.evidence).toMatch(/^The test email of .* UTC to it@contoso\.com was not sent\. /)
      expect(step.evidence).toContain('430 4.2.0')
      expect((await stepOf('mailbox-permission')).state).toBe('failed')
      expect(await lastTestEmail()).toMatchObject({
        outcome: 'refused',
        code: 'mailbox_permission_missing',
      })
      await restart()
    }
  })

  it('is done when the next one is accepted', async () => {
    tenant.tenant.reset()
    clock.pass(MINUTE_MS)
    await send(200)
    expect(await stepOf('test-email')).toMatchObject({ state: 'done', diagnosis: null })
    expect((await stepOf('mailbox-permission')).state).toBe('done')
    await restart()
    expect((await stepOf('test-email')).state).toBe('done')
    expect(await lastTestEmail()).toMatchObject({ outcome: 'accepted', code: null })
  })

  it('says nothing any more about other settings', async () => {
    const { headers } = await agent.call('GET', 'profiles/default')
    const changed = agent.profile({ senderDisplayName: 'Other' })
    const seen = { 'if-match': headers.get('etag') ?? '' }
    expect((await agent.call('PUT', 'profiles/default', changed, seen)).status).toBe(200)
    await agent.agent.idle()
    expect((await stepOf('test-email')).state).toBe('todo')
  })
})

describe('a test email that does not get as far as the message', () => {
  it('fails its step until the server accepts the login, then it is to be sent again', async () => {
    tenant.tenant.patch({ smtp: { fault: 'refuse' } })
    await send(503)
    expect(await stepOf('test-email')).toMatchObject({
      state: 'failed',
      diagnosis: { code: 'smtp_connect_refused' },
    })
    expect((await stepOf('mailbox-permission')).state).toBe('unknown')
    tenant.tenant.reset()
    clock.pass(MINUTE_MS)
    await agent.call('POST', 'profiles/default/verify', {})
    const step = await stepOf('test-email')
    expect(step.state).toBe('todo')
    expect(step.evidence).toContain('Since then the server has accepted the login: send it again.')
  })

  it('waits for Microsoft after a change, and is to be sent again after its time', async () => {
    tenant.tenant.patch(NO_FULL_ACCESS)
    await send(503)
    const waiting = await stepOf('test-email')
    expect(waiting.state).toBe('todo')
    expect(waiting.evidence).toContain('waiting for Microsoft, usually done by')
    expect(waiting.evidence).not.toContain('That time is over')
    clock.pass(3 * HOUR_MS)
    const over = await stepOf('test-email')
    expect(over.state).toBe('todo')
    expect(over.evidence).toContain('That time is over: try it again.')
    expect((await stepOf('mailbox-permission')).state).toBe('unknown')
  })
})

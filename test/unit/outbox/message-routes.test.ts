import { describe, expect, it } from 'vitest'
import { FAKE_NOW } from '../../support/clock.ts'
import { diagnosisOf } from '../alerts/alerts-bench.ts'
import { createSendBench, type SendBench } from './send-bench.ts'

const ME = { as: 'app send' }
const OTHER = { as: 'second send' }
const OPERATOR = { as: 'boss operator send monitor' }

async function accepted(bench: SendBench, options = ME): Promise<string> {
  const body = { to: 'ada@example.com', subject: 'Hi', text: 'x' }
  return (await bench.call('POST', 'messages', body, options)).body.id
}

describe('The messages’ routes', () => {
  it('show a message with its recipients and attempts', async () => {
    await using bench = await createSendBench()
    const id = await accepted(bench)
    const entry = bench.outbox.kept.get(id)
    const diagnosis = diagnosisOf('mailbox_busy')
    bench.outbox.settle(id, { state: 'deferred', nextAttemptAt: FAKE_NOW, attempts: 1, diagnosis })
    if (entry !== undefined) {
      const attempt = { number: 1, startedAt: FAKE_NOW, finishedAt: FAKE_NOW, recipients: 1 }
      const rest = {
        outcome: 'deferred',
        server: 'smtp:587',
        reply: '432 4.3.2',
        diagnosis,
      } as const
      entry.detail = { ...entry.detail, attempts: [{ ...attempt, ...rest }] }
    }
    const { body } = await bench.call('GET', `messages/${id}`, undefined, ME)
    expect(body).toMatchObject({
      id,
      profile: 'default',
      source: 'api',
      client: 'token:app',
      priority: 'interactive',
      state: 'deferred',
      from: 'alerts@contoso.com',
      subject: '[Process] Hi',
      nextAttemptAt: '2026-11-23T10:00:00.000Z',
      finishedAt: null,
      detail: `${diagnosis.summary} ${diagnosis.remedy}`,
      recipients: [{ address: 'ada@example.com', state: 'waiting' }],
      attemptList: [{ number: 1, reply: '432 4.3.2', diagnosis: { code: 'mailbox_busy' } }],
    })
  })

  it('show what waits behind a hold as held, with its reason', async () => {
    await using bench = await createSendBench()
    const id = await accepted(bench)
    const diagnosis = diagnosisOf('send_as_denied')
    const hold = { since: 0, diagnosis, nextProbeAt: 0, probes: 0, profileId: 'default' }
    bench.outbox.holds.push({ ...hold, sender: 'alerts@contoso.com' })
    const read = async () => (await bench.call('GET', `messages/${id}`, undefined, ME)).body
    expect(await read()).toMatchObject({ state: 'queued', diagnosis: null })
    bench.outbox.settle(id, { state: 'held' })
    expect(await read()).toMatchObject({ state: 'held', diagnosis: { code: 'send_as_denied' } })
    bench.outbox.settle(id, { state: 'delivered' })
    bench.outbox.holds.push({ ...hold, sender: '' })
    expect(await read()).toMatchObject({ state: 'delivered', diagnosis: null })
    bench.outbox.settle(id, { state: 'queued' })
    expect(await read()).toMatchObject({ state: 'held' })
    bench.outbox.settle(id, { priority: 0 })
    expect(await read()).toMatchObject({ state: 'queued', priority: 'alert' })
  })

  it('list page by page, with filters', async () => {
    await using bench = await createSendBench()
    const ids = [await accepted(bench), await accepted(bench, OTHER), await accepted(bench)]
    const list = async (query: string, as = OPERATOR) =>
      (await bench.call('GET', `messages${query}`, undefined, as)).body
    const first = await list('?limit=2')
    expect(first.messages.map(({ id }: { id: string }) => id)).toEqual([ids[2], ids[1]])
    const second = await list(`?limit=2&cursor=${first.nextCursor}`)
    expect(second).toMatchObject({ messages: [{ id: ids[0] }], nextCursor: null })
    await list(
      '?profile=default&state=queued,held&source=api&client=token:app&recipient=a@b.example&sender=c@d.example&messageId=%3Cx%3E&acceptedFrom=2026-11-23&acceptedBefore=2026-11-24T00:00:00Z',
    )
    expect(bench.outbox.listed.at(-1)).toEqual({
      profileId: 'default',
      states: ['queued', 'held'],
      source: 'api',
      client: 'token:app',
      recipient: 'a@b.example',
      sender: 'c@d.example',
      messageId: '<x>',
      acceptedFrom: FAKE_NOW - 10 * 3_600_000,
      acceptedBefore: FAKE_NOW + 14 * 3_600_000,
    })
    for (const query of ['state=lost', 'acceptedFrom=monday', 'limit=0', 'colour=red']) {
      expect((await list(`?${query}`)).code, query).toBe('input_invalid')
    }
  })

  it('show a sending token its own messages alone, whatever it asks for', async () => {
    await using bench = await createSendBench()
    const own = await accepted(bench)
    const foreign = await accepted(bench, OTHER)
    for (const query of ['', '?client=token:second', '?client=']) {
      const { body } = await bench.call('GET', `messages${query}`, undefined, ME)
      expect(body.messages.map(({ id }: { id: string }) => id)).toEqual([own])
    }
    const read = await bench.call('GET', `messages/${foreign}`, undefined, ME)
    const missing = await bench.call('GET', 'messages/none', undefined, ME)
    expect([read.status, missing.status]).toEqual([404, 404])
    expect(read.body.code).toBe('message_not_found')
    expect((await bench.call('POST', `messages/${foreign}/cancel`, undefined, ME)).status).toBe(404)
    expect(bench.outbox.kept.get(foreign)?.detail.message.state).toBe('queued')
    for (const [method, path] of [
      ['POST', `messages/${own}/retry`],
      ['POST', 'messages/release'],
      ['GET', `messages/${own}/body`],
    ] as const) {
      expect((await bench.call(method, path, undefined, ME)).status, path).toBe(403)
    }
    for (const path of ['messages', `messages/${own}`]) {
      expect((await bench.call('GET', path, undefined, { as: 'eye monitor' })).status).toBe(403)
    }
  })

  it('give the bytes to an operator, and record it', async () => {
    await using bench = await createSendBench()
    const id = await accepted(bench)
    const answer = await bench.call('GET', `messages/${id}/body`, undefined, OPERATOR)
    expect(answer.text).toBe(bench.outbox.last().body.toString())
    expect(answer.headers.get('content-type')).toBe('message/rfc822')
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${id}.eml"`)
    bench.outbox.forgetBodies = true
    const gone = await bench.call('GET', `messages/${id}/body`, undefined, OPERATOR)
    expect([gone.status, gone.body.code]).toEqual([409, 'message_body_gone'])
    const entries = await bench.rig.auditEntries()
    expect(entries.map(({ action }) => action)).toEqual(['message.read', 'profile.created'])
  })

  it('retry, cancel and release, each with its record', async () => {
    await using bench = await createSendBench()
    const id = await accepted(bench)
    const cancelled = await bench.call('POST', `messages/${id}/cancel`, undefined, ME)
    expect(cancelled.body).toMatchObject({ id, state: 'cancelled' })
    const retried = await bench.call('POST', `messages/${id}/retry`, undefined, OPERATOR)
    expect(retried.body).toMatchObject({ id, state: 'queued' })
    const diagnosis = diagnosisOf('secret_expired')
    const hold = { since: 0, diagnosis, nextProbeAt: 0, probes: 0, profileId: 'default' }
    bench.outbox.holds.push({ ...hold, sender: '' })
    const unknown = await bench.call('POST', 'messages/release', { profile: 'x' }, OPERATOR)
    expect(unknown.status).toBe(404)
    const released = await bench.call('POST', 'messages/release', { profile: 'default' }, OPERATOR)
    expect(released.body).toEqual({ released: 1 })
    expect((await bench.call('POST', 'messages/release', {}, OPERATOR)).body).toEqual({
      released: 0,
    })
    const entries = await bench.rig.auditEntries()
    expect(
      entries.slice(0, 4).map(({ action, target, actor }) => [action, target.id, actor.id]),
    ).toEqual([
      ['outbox.released', null, 'boss'],
      ['outbox.released', 'default', 'boss'],
      ['message.retried', id, 'boss'],
      ['message.cancelled', id, 'app'],
    ])
  })
})

import { describe, expect, it } from 'vitest'
import { MINUTE_MS, SECOND_MS } from '../../../src/platform/clock.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { revealed } from '../../support/revealed.ts'
import { ALICE, profileInput, SECRET_VALUE } from '../profiles/harness.ts'
import {
  createStagingBench,
  DOWN,
  NEW,
  NEW_SECRET,
  NO_CONSENT,
  NOT_REGISTERED,
  type StagingBench,
  WRONG,
} from './staging-bench.ts'

const put = (bench: StagingBench, input: typeof NEW & { sendTo?: string } = NEW) =>
  bench.staging.put('default', input, ALICE)
const states = ({ rig }: StagingBench) =>
  rig.profiles.credentials('default').map(({ state, hint }) => `${state} ${hint}`)
const inUse = ({ rig }: StagingBench) => revealed(rig.profiles, 'default')
const actions = async ({ rig }: StagingBench) =>
  (await rig.auditEntries()).map(({ action }) => action).reverse()
/** The one who entered it stops waiting after 20 s. */
async function putAndLeave(bench: StagingBench, input?: Parameters<typeof put>[1]) {
  const answer = put(bench, input)
  await bench.rig.clock.untilSleeping()
  await pass(bench, 20 * SECOND_MS)
  return answer
}
const STEP_MS = 10 * SECOND_MS
/** Time passes, and what begins meanwhile gets the time that the disk takes. */
async function pass({ rig, staging }: StagingBench, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    await staging.idle()
    await rig.clock.advance(Math.min(STEP_MS, ms - passed))
  }
  await staging.idle()
  await rig.events.idle()
}

describe('A new credential', () => {
  it('that works is in use at once, and the former one stays as fallback', async () => {
    await using bench = await createStagingBench()
    bench.script.push('ok')
    expect(await put(bench)).toBe(true)
    expect(await inUse(bench)).toBe(NEW_SECRET)
    expect(states(bench)).toEqual(['active Xyz', 'fallback Abc'])
    expect(bench.news).toEqual(['activated'])
    expect(bench.staging.proofOf('default')).toMatchObject({ state: 'active', attempts: 1 })
    expect(await actions(bench)).toEqual([
      'profile.created',
      'credential.staged',
      'credential.activated',
    ])
  })

  it('is proven with its own value and with the message that was asked for', async () => {
    await using bench = await createStagingBench()
    bench.script.push('ok')
    await put(bench, { ...NEW, sendTo: ' it@contoso.com ' })
    expect(bench.proven).toMatchObject([{ secret: NEW_SECRET, sendTo: 'it@contoso.com' }])
  })

  it('that is refused for good is removed with the diagnosis, and the former one stays in use', async () => {
    await using bench = await createStagingBench()
    bench.script.push(NO_CONSENT)
    await expect(put(bench)).rejects.toMatchObject({
      code: 'credential_refused',
      message: expect.stringMatching(/former one stays in use\. Summary of role_missing\. Remedy/),
      details: { diagnosis: { code: 'role_missing' } },
    })
    expect(states(bench)).toEqual(['active Abc'])
    expect(await inUse(bench)).toBe(SECRET_VALUE)
    expect(bench.news).toEqual(['refused role_missing'])
    expect((await actions(bench)).at(-1)).toBe('credential.discarded')
  })

  it.each([
    ['secret', WRONG],
    ['certificate', NOT_REGISTERED],
  ])('is given time while Microsoft spreads the fresh %s', async (_title, answer) => {
    await using bench = await createStagingBench()
    bench.script.push(answer, answer, 'ok')
    expect(await putAndLeave(bench)).toBe(false)
    expect(await inUse(bench)).toBe(SECRET_VALUE)
    expect(bench.staging.proofOf('default')).toMatchObject({
      state: 'waiting',
      attempts: 1,
      nextAttemptAt: new globalThis.Date(FAKE_NOW + 30_000).toISOString(),
      diagnosis: { code: answer.code },
    })
    await pass(bench, 9 * SECOND_MS)
    expect(bench.proven).toHaveLength(1)
    await pass(bench, 1 * SECOND_MS)
    expect(bench.proven).toHaveLength(2)
    await pass(bench, 30 * SECOND_MS)
    expect(states(bench)).toEqual(['active Xyz', 'fallback Abc'])
    expect(bench.news).toEqual(['activated'])
  })

  it('is refused when Microsoft still does not know it after ten minutes, asked every 30 s', async () => {
    await using bench = await createStagingBench()
    bench.script.push(...Array.from({ length: 21 }, () => WRONG))
    await putAndLeave(bench)
    await pass(bench, 9 * MINUTE_MS + 30 * SECOND_MS)
    expect(bench.news).toEqual([])
    await pass(bench, 10 * SECOND_MS)
    expect(bench.news).toEqual(['refused secret_wrong'])
    expect(bench.proven).toHaveLength(21)
    expect(states(bench)).toEqual(['active Abc'])
  })

  it('is not refused because a server is down, but tried again, seldom after some time', async () => {
    await using bench = await createStagingBench()
    bench.script.push(...Array.from({ length: 21 }, () => DOWN))
    await putAndLeave(bench)
    await pass(bench, 10 * MINUTE_MS)
    expect(bench.proven).toHaveLength(21)
    await pass(bench, 10 * MINUTE_MS)
    expect(bench.proven).toHaveLength(21)
    bench.script.push('ok')
    await pass(bench, 5 * MINUTE_MS)
    expect(bench.news).toEqual(['activated'])
  })

  it('waits as long as the server asks for', async () => {
    await using bench = await createStagingBench()
    bench.script.push({ ...DOWN, retryAfterMs: 5 * MINUTE_MS }, 'ok')
    await putAndLeave(bench)
    await pass(bench, 4 * MINUTE_MS)
    expect(bench.proven).toHaveLength(1)
    await pass(bench, MINUTE_MS)
    expect(bench.news).toEqual(['activated'])
  })

  it('survives a restart and is proven again, with its message', async () => {
    await using bench = await createStagingBench()
    bench.script.push(WRONG)
    await putAndLeave(bench, { ...NEW, sendTo: 'it@contoso.com' })
    await using again = await bench.restart()
    expect(states(again)).toEqual(['active Abc', 'staged Xyz'])
    again.script.push('ok')
    again.staging.start()
    await again.staging.idle()
    expect(again.proven).toMatchObject([{ secret: NEW_SECRET, sendTo: 'it@contoso.com' }])
    expect(states(again)).toEqual(['active Xyz', 'fallback Abc'])
  })

  it('gives way to another one that is entered while it waits', async () => {
    await using bench = await createStagingBench()
    bench.script.push(WRONG, 'ok')
    await putAndLeave(bench)
    const value = 'Mno8Q~third-secret-value-of-the-tests-222'
    expect(await put(bench, { credential: { ...NEW.credential, value } })).toBe(true)
    expect(await inUse(bench)).toBe(value)
    await pass(bench, MINUTE_MS)
    expect(bench.proven).toHaveLength(2)
  })

  it('tells the one who waits when another one took its place', async () => {
    await using bench = await createStagingBench()
    const { promise, resolve } = Promise.withResolvers<'ok'>()
    bench.script.push(() => promise, 'ok')
    const first = put(bench)
    await bench.rig.clock.untilSleeping()
    const value = 'Mno8Q~third-secret-value-of-the-tests-222'
    await put(bench, { credential: { ...NEW.credential, value } })
    resolve('ok')
    await expect(first).rejects.toMatchObject({ code: 'credential_replaced' })
    expect(await inUse(bench)).toBe(value)
  })

  it('is proven once more when the settings were changed during the proof', async () => {
    await using bench = await createStagingBench()
    const { profiles } = bench.rig
    bench.script.push(async () => {
      const input = profileInput({ subjectPrefix: 'changed' })
      await profiles.replace('default', input, { version: undefined, actor: ALICE })
      return 'ok'
    }, 'ok')
    expect(await put(bench)).toBe(true)
    expect(bench.proven).toHaveLength(2)
    expect(profiles.get('default')).toMatchObject({
      subjectPrefix: 'changed',
      version: FAKE_NOW + 2,
    })
  })

  it('is left alone when the profile is removed', async () => {
    await using bench = await createStagingBench()
    bench.script.push(WRONG)
    await putAndLeave(bench)
    await bench.rig.profiles.remove('default', { version: undefined, actor: ALICE })
    await pass(bench, MINUTE_MS)
    expect(bench.proven).toHaveLength(1)
    expect(bench.staging.proofOf('default')).toBeNull()
  })

  it('is not even stored when the recipient of the message is none', async () => {
    await using bench = await createStagingBench()
    await expect(put(bench, { ...NEW, sendTo: 'nobody' })).rejects.toMatchObject({
      code: 'recipient_invalid',
      problems: [{ field: 'sendTo' }],
    })
    expect(states(bench)).toEqual(['active Abc'])
  })

  it('goes on being proven after an error of Postern’s own', async () => {
    await using bench = await createStagingBench()
    bench.script.push(() => Promise.reject(new Error('the disk is gone')), 'ok')
    await putAndLeave(bench)
    await pass(bench, 10 * SECOND_MS)
    expect(bench.news).toEqual(['activated'])
    expect(bench.rig.captured.lines.join('')).toContain('the disk is gone')
  })
})

describe('A fallback', () => {
  it('is removed at its end', async () => {
    await using bench = await createStagingBench()
    bench.script.push('ok')
    await put(bench)
    bench.staging.start()
    await bench.rig.clock.advance(10 * 24 * 60 * MINUTE_MS)
    expect(states(bench)).toEqual(['active Xyz', 'fallback Abc'])
    bench.rig.clock.set(new globalThis.Date('2027-05-02T00:00:01Z').getTime())
    await bench.rig.clock.advance(60 * MINUTE_MS)
    expect(states(bench)).toEqual(['active Xyz'])
    expect((await actions(bench)).at(-1)).toBe('credential.fallback_removed')
  })
})

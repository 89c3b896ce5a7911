import { describe, expect, it } from 'vitest'
import { createEventBus } from '../../../src/platform/events.ts'
import type { ProfileEvents } from '../../../src/profiles/index.ts'
import {
  createTestEmailOutcomes,
  type VerificationEvents,
} from '../../../src/verification/index.ts'
import { ALICE, createRig, profileInput, type Rig } from '../profiles/harness.ts'

async function open({ storage, captured, events: ofProfiles }: Rig) {
  const { log } = captured
  const events = createEventBus<VerificationEvents & ProfileEvents>({ log })
  ofProfiles.on('profile.created', (payload) => events.emit('profile.created', payload))
  ofProfiles.on('profile.removed', (payload) => events.emit('profile.removed', payload))
  return createTestEmailOutcomes({ storage, log, events })
}
const sent = (rig: Rig) => ({
  recipient: 'it@contoso.com',
  at: rig.clock.now(),
  reply: '250 ok',
  diagnosis: null,
})

describe('The outcome of a test email', () => {
  it('that ended after its profile was removed is not one of the next profile of that name', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    using outcomes = await open(rig)
    await rig.profiles.remove('default', { version: undefined, actor: ALICE })
    await rig.events.idle()
    await outcomes.record('default', sent(rig))
    await rig.profiles.create(profileInput(), ALICE)
    await rig.events.idle()
    expect(outcomes.lastOf('default')).toBeUndefined()
    await outcomes.record('default', sent(rig))
    expect(outcomes.lastOf('default')).toEqual(sent(rig))
    using restarted = await open(rig)
    expect(restarted.lastOf('default')).toEqual(sent(rig))
  })

  it('whose diagnosis cannot be read does not pass for a success', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    const row = { recipient: 'it@contoso.com', finished_at: rig.clock.now(), reply: null }
    await rig.storage.db
      .insertInto('test_email')
      .values({ profile_id: 'default', ...row, diagnosis: '{"of":"another version"}' })
      .execute()
    using outcomes = await open(rig)
    expect(outcomes.lastOf('default')).toBeUndefined()
  })
})

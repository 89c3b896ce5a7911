import { describe, expect, test } from 'vitest'
import { createMailboxSlots, keyOf, type Slot } from '../../../src/smtp/index.ts'

const MAILBOX = { server: { host: 'smtp.office365.com', port: 587 }, login: 'alerts@contoso.com' }
const POOLED = { most: 3, urgent: false }
const URGENT = { most: 3, urgent: true }

/** Acquires, and tells whether the place is there yet. */
function ask(
  slots: ReturnType<typeof createMailboxSlots>,
  options: { most: number; urgent: boolean; signal?: AbortSignal },
) {
  const asked: { slot: Slot | undefined; promise: Promise<Slot> } = {
    slot: undefined,
    promise: slots.acquire(MAILBOX, options),
  }
  asked.promise.then(
    (slot) => {
      asked.slot = slot
    },
    () => {},
  )
  return asked
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

describe('the places of a mailbox', () => {
  test('are as many as each one allows, first come, first served', async () => {
    const slots = createMailboxSlots()
    const asked = Array.from({ length: 5 }, () => ask(slots, POOLED))
    await settle()
    const inside = () => asked.map(({ slot }) => slot !== undefined)
    expect(inside()).toEqual([true, true, true, false, false])
    asked[1]?.slot?.release()
    asked[1]?.slot?.release()
    await settle()
    expect(inside()).toEqual([true, true, true, true, false])
  })

  test('go to the urgent first', async () => {
    const slots = createMailboxSlots()
    const held = await Promise.all([1, 2, 3].map(() => slots.acquire(MAILBOX, POOLED)))
    const pooled = ask(slots, POOLED)
    const urgent = ask(slots, URGENT)
    held[0]?.release()
    await settle()
    expect([pooled.slot, urgent.slot].map((slot) => slot !== undefined)).toEqual([false, true])
    urgent.slot?.release()
    await settle()
    expect(pooled.slot).toBeDefined()
  })

  test('are kept free for an urgent one that wants more room: nobody else slips in before', async () => {
    const slots = createMailboxSlots()
    const held = await Promise.all([1, 2, 3].map(() => slots.acquire(MAILBOX, POOLED)))
    const modest = ask(slots, { most: 2, urgent: true })
    const pooled = ask(slots, POOLED)
    held[0]?.release()
    await settle()
    expect([modest.slot, pooled.slot]).toEqual([undefined, undefined])
    expect(held[1]?.wanted).toBe(true)
    held[1]?.release()
    await settle()
    expect(modest.slot).toBeDefined()
    expect(pooled.slot).toBeDefined()
  })

  test('of one mailbox do not hold up another, however it is written', async () => {
    const slots = createMailboxSlots()
    const other = { ...MAILBOX, login: 'other@contoso.com' }
    await slots.acquire(MAILBOX, { ...POOLED, most: 1 })
    await slots.acquire(other, { ...POOLED, most: 1 })
    expect(keyOf(MAILBOX)).not.toBe(keyOf(other))
    expect(
      keyOf({ server: { host: 'SMTP.Office365.com', port: 587 }, login: 'Alerts@Contoso.com' }),
    ).toBe(keyOf(MAILBOX))
    expect(keyOf({ ...MAILBOX, server: { ...MAILBOX.server, port: 465 } })).not.toBe(keyOf(MAILBOX))
  })

  test('are not given to who has stopped waiting, and who waited behind gets them', async () => {
    const slots = createMailboxSlots()
    const held = await slots.acquire(MAILBOX, { ...POOLED, most: 1 })
    const controller = new AbortController()
    const impatient = ask(slots, { ...URGENT, most: 1, signal: controller.signal })
    const pooled = ask(slots, { ...POOLED, most: 2 })
    await settle()
    expect(pooled.slot).toBeUndefined()
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(impatient.promise).rejects.toBe(reason)
    await settle()
    expect(pooled.slot).toBeDefined()
    expect(held.wanted).toBe(false)
    const aborted = slots.acquire(MAILBOX, { ...POOLED, signal: controller.signal })
    await expect(aborted).rejects.toBe(reason)
  })
})

describe('a pooled place', () => {
  test('is wanted as soon as an urgent one waits, and not any more when that has its place', async () => {
    const slots = createMailboxSlots()
    const held = await Promise.all([1, 2, 3].map(() => slots.acquire(MAILBOX, POOLED)))
    const told: number[] = []
    const subscriptions = held.map((slot, at) => slot.onWanted(() => told.push(at)))
    ask(slots, POOLED)
    expect(told).toEqual([])
    expect(held.map(({ wanted }) => wanted)).toEqual([false, false, false])
    subscriptions[2]?.()
    const urgent = ask(slots, URGENT)
    expect(told).toEqual([0, 1])
    expect(held.map(({ wanted }) => wanted)).toEqual([true, true, true])
    held[2]?.release()
    await settle()
    expect(urgent.slot).toBeDefined()
    expect(held.map(({ wanted }) => wanted)).toEqual([false, false, false])
    expect(urgent.slot?.wanted).toBe(false)
  })

  test('that is given back at once spares the others', async () => {
    const slots = createMailboxSlots()
    const held = await Promise.all([1, 2, 3].map(() => slots.acquire(MAILBOX, POOLED)))
    const told: number[] = []
    for (const [at, slot] of held.entries()) {
      slot.onWanted(() => {
        told.push(at)
        slot.release()
      })
    }
    await slots.acquire(MAILBOX, URGENT)
    expect(told).toEqual([0])
  })

  test('of an urgent one is never wanted', async () => {
    const slots = createMailboxSlots()
    const held = await slots.acquire(MAILBOX, { ...URGENT, most: 1 })
    let told = 0
    held.onWanted(() => told++)
    ask(slots, { ...URGENT, most: 1 })
    expect([held.wanted, told]).toEqual([false, 0])
  })
})

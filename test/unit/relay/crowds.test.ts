import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { type RelayRig, startRelay } from './harness.ts'

/** A connection that seems to come from this address, and its greeting; it stays open. */
async function openFrom(rig: RelayRig, closers: AsyncDisposableStack, address: string) {
  const pretend = (message: unknown) => {
    if (typeof message !== 'object' || message === null || !('socket' in message)) return
    if (message.socket instanceof Socket) {
      Object.defineProperty(message.socket, 'remoteAddress', { value: address })
    }
  }
  subscribe('net.server.socket', pretend)
  try {
    const dialogue = closers.use(await rig.open())
    return (await dialogue.read()).text.slice(0, 9)
  } finally {
    unsubscribe('net.server.socket', pretend)
  }
}

/** One connection after the other, which all stay open, and the beginning of each one's greeting. */
async function expectGreetings(rig: RelayRig, greetings: readonly [string, string][]) {
  await using open = new AsyncDisposableStack()
  for (const [address, greeting] of greetings) {
    expect([address, await openFrom(rig, open, address)]).toEqual([address, greeting])
  }
}

test('a network of IPv6 has as many connections as one address of IPv4', async () => {
  await using rig = await startRelay({ limits: { connectionsPerAddress: 2 } })
  await expectGreetings(rig, [
    ['2001:db8:0:7::1', '220 relay'],
    ['2001:DB8:0:7:8000::2', '220 relay'],
    ['2001:db8:0:7:ffff::3', '421 4.7.0'],
    ['2001:db8:0:8::1', '220 relay'],
    ['::ffff:192.0.2.1', '220 relay'],
    ['192.0.2.1', '220 relay'],
    ['::ffff:192.0.2.1', '421 4.7.0'],
    ['192.0.2.2', '220 relay'],
  ])
})

test('strangers of a network take nothing from a known address in it', async () => {
  await using rig = await startRelay({
    limits: { connectionsPerAddress: 2 },
    others: [
      {
        name: 'printer',
        profileId: 'default',
        authentication: 'address',
        addresses: ['2001:db8::7'],
      },
    ],
  })
  await expectGreetings(rig, [
    ['2001:db8::1', '220 relay'],
    ['2001:db8::2', '220 relay'],
    ['2001:db8::3', '421 4.7.0'],
    ['2001:db8::7', '220 relay'],
    ['2001:db8::7', '220 relay'],
    ['2001:db8::7', '421 4.7.0'],
  ])
})

test('strangers cannot take the last connections: this machine and known addresses still get in', async () => {
  await using rig = await startRelay({
    limits: { connections: 4, reservedConnections: 2 },
    others: [
      {
        name: 'printer',
        profileId: 'default',
        authentication: 'address',
        addresses: ['192.0.2.7'],
      },
    ],
  })
  await expectGreetings(rig, [
    ['198.51.100.1', '220 relay'],
    ['198.51.100.2', '220 relay'],
    ['198.51.100.3', '421 4.3.2'],
    ['192.0.2.7', '220 relay'],
    ['127.0.0.1', '220 relay'],
    ['127.0.0.1', '421 4.3.2'],
  ])
})

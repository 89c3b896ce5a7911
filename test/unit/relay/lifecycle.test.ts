import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/platform/clock.ts'
import { createEventBus } from '../../../src/platform/events.ts'
import { createRelay, type RelayConfig, type RelayEvents } from '../../../src/relay/index.ts'
import { makeServerCertificate } from '../../../src/relay/tls/server-certificate.ts'
import { openSmtpDialogue } from '../../support/smtp-dialogue.ts'
import { createFakeOutbox } from './fake-outbox.ts'
import {
  ADMIN,
  type ClientsRig,
  envelope,
  finder,
  mail,
  relayConfig,
  startClients,
  startRelay,
} from './harness.ts'

/** A relay that nobody has started yet, on clients that do not exist yet. */
function build(rig: ClientsRig, config: Partial<RelayConfig> = {}) {
  const events = createEventBus<RelayEvents>({ log: rig.log.log })
  const opened = Promise.withResolvers<string>()
  events.on('relay.changed', ({ address }) => {
    if (address !== null) opened.resolve(address)
  })
  const relay = createRelay({
    outbox: createFakeOutbox(),
    profiles: finder(rig.profiles),
    clients: rig.clients,
    clock: rig.clock,
    log: rig.log.log,
    events,
    config: relayConfig(config),
    dataDir: rig.dataDir,
    hostname: 'relay.test',
  })
  return { relay, events, opened: opened.promise }
}

async function shownCertificate(port: number) {
  await using dialogue = await openSmtpDialogue({ port })
  await dialogue.read()
  await dialogue.command('EHLO client.test')
  const secure: TLSSocket = await dialogue.startTls()
  return secure.getPeerX509Certificate()?.fingerprint256
}

test('without a port the relay is off, and nobody is bothered', async () => {
  await using rig = await startClients()
  const { relay } = build(rig, { port: null })
  await using _ = relay
  await relay.start()
  expect([relay.address(), relay.problem()]).toEqual([null, null])
})

test('on a public address it stays closed, says why, and opens with its first client', async () => {
  await using rig = await startClients()
  const { relay, opened } = build(rig, { host: '0.0.0.0' })
  await using _ = relay
  await relay.start()
  expect(relay.address()).toBeNull()
  expect(relay.problem()).toMatch(/stays closed: POSTERN_RELAY_HOST is 0\.0\.0\.0.*client create/)
  await rig.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  await opened
  expect(relay.address()).toMatchObject({ host: '0.0.0.0' })
  expect(relay.problem()).toBeNull()
})

test('it also opens when another process makes the first client', async () => {
  await using rig = await startClients()
  const { relay, opened } = build(rig, { host: '::' })
  await using _ = relay
  await relay.start()
  await using beside = await rig.beside()
  await beside.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  await rig.clock.advance(5_000)
  await opened
})

test('on a public address it closes again when its last client is gone, and opens with the next one', async () => {
  await using rig = await startRelay({ config: { host: '0.0.0.0' } })
  await using idle = await rig.session()
  const [app] = await rig.clients.list()
  const other = await rig.clients.create({ name: 'other', profileId: 'default' }, ADMIN)
  await rig.clients.remove(app?.id ?? '', ADMIN)
  expect((await idle.command('NOOP')).code).toBe(250)
  await rig.clients.remove(other.id, ADMIN)
  expect((await idle.read()).text).toMatch(/^421 4\.3\.2 .*no relay client/)
  idle.socket.end()
  await idle.closed
  expect(rig.relay.address()).toBeNull()
  expect(rig.relay.problem()).toMatch(/stays closed: POSTERN_RELAY_HOST is 0\.0\.0\.0/)
  await expect(rig.open()).rejects.toThrow('ECONNREFUSED')
  await rig.clients.create({ name: 'new', profileId: 'default' }, ADMIN)
  await rig.clock.advance(5_000)
  await expect.poll(() => rig.relay.problem()).toBeNull()
  expect(rig.relay.address()).toMatchObject({ host: '0.0.0.0' })
})

test('it also closes when another process removes the last client, and lets a message come to its end', async () => {
  await using rig = await startRelay({ config: { host: '0.0.0.0' } })
  await using busy = await rig.session()
  await envelope(busy)
  const [app] = await rig.clients.list()
  await using beside = await rig.beside()
  await beside.clients.remove(app?.id ?? '', ADMIN)
  await rig.clock.advance(60_000)
  expect(rig.relay.address()).toBeNull()
  expect((await busy.content(mail())).code).toBe(250)
  expect((await busy.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^550 5\.7\.1 /)
  await rig.clock.advance(10_000)
  await busy.closed
})

test('on the loopback address it stays open without clients', async () => {
  await using rig = await startRelay()
  const [app] = await rig.clients.list()
  await rig.clients.remove(app?.id ?? '', ADMIN)
  await rig.clock.advance(60_000)
  expect(rig.relay.address()).not.toBeNull()
})

test('a port that is taken is tried again until it is free', async () => {
  await using rig = await startClients()
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { relay, opened } = build(rig, { port })
  await using _ = relay
  await relay.start()
  expect(relay.problem()).toMatch(/cannot listen on 127\.0\.0\.1:\d+: another program uses it/)
  await new Promise((resolve) => other.close(resolve))
  await rig.clock.advance(5_000)
  await opened
  expect(relay.address()).toEqual({ host: '127.0.0.1', port })
})

test('a stop lets a message under way come to its end, and takes nothing new', async () => {
  await using rig = await startRelay()
  const commit = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  rig.outbox.onCommit = () => {
    started.resolve()
    return commit.promise
  }
  await using busy = await rig.session()
  await using idle = await rig.session()
  await envelope(busy)
  const reply = busy.content(mail())
  await started.promise
  const closing = rig.relay[Symbol.asyncDispose]()
  expect((await idle.read()).text).toMatch(/^421 4\.3\.2 Postern is stopping/)
  idle.socket.end()
  commit.resolve()
  expect((await reply).code).toBe(250)
  expect((await busy.read()).code).toBe(421)
  busy.socket.end()
  await closing
  expect(rig.outbox.messages).toHaveLength(1)
})

test('a stop does not wait for those who never end', async () => {
  await using rig = await startRelay()
  await using slow = await rig.session()
  await using handshake = await rig.session({ login: false })
  await handshake.command('STARTTLS')
  await envelope(slow)
  slow.write('From: x\r\n')
  const closing = rig.relay[Symbol.asyncDispose]()
  await rig.clock.advance(10_000)
  await closing
  await slow.closed
  await handshake.closed
})

test('the certificate that is made can be trusted, is kept, and its key is private', async () => {
  await using rig = await startClients()
  const { relay } = build(rig)
  await relay.start()
  const ca = readFileSync(join(rig.dataDir, 'relay-cert.pem'), 'utf8')
  await using dialogue = await openSmtpDialogue({ port: relay.address()?.port ?? 0 })
  await dialogue.read()
  await dialogue.command('EHLO client.test')
  const secure = await dialogue.startTls({ ca, servername: 'relay.test' })
  expect(secure.authorized).toBe(true)
  expect(secure.getPeerX509Certificate()?.subjectAltName).toContain('IP Address:127.0.0.1')
  expect(statSync(join(rig.dataDir, 'relay-key.pem')).mode & 0o777).toBe(0o600)
  await dialogue.command('QUIT')
  await relay[Symbol.asyncDispose]()
  await using again = build(rig).relay
  await again.start()
  expect(readFileSync(join(rig.dataDir, 'relay-cert.pem'), 'utf8')).toBe(ca)
})

test('the certificate that is made lives ten years, since devices are told to trust this very file', async () => {
  await using rig = await startClients()
  const file = join(rig.dataDir, 'relay-cert.pem')
  const start = async () => {
    await using relay = build(rig).relay
    await relay.start()
    return readFileSync(file, 'utf8')
  }
  const made = await start()
  const end = new X509Certificate(made).validToDate.getTime()
  expect(Math.round((end - rig.clock.now()) / DAY_MS)).toBe(3_650)
  rig.clock.set(rig.clock.now() + 3_559 * DAY_MS)
  expect(await start()).toBe(made)
  rig.clock.set(rig.clock.now() + 2 * DAY_MS)
  expect(await start()).not.toBe(made)
})

test('the certificate is renewed ninety days before its end, while the relay is open', async () => {
  await using rig = await startRelay()
  const before = await shownCertificate(rig.port)
  rig.clock.set(rig.clock.now() + 3_561 * DAY_MS)
  await rig.clock.advance(60_000)
  await expect.poll(() => rig.log.lines.join('\n')).toContain('relay certificate read')
  expect(await shownCertificate(rig.port)).not.toBe(before)
})

async function ownPair(rig: { dataDir: string; clock: ClientsRig['clock'] }) {
  const { certificate, key } = await makeServerCertificate({
    names: ['mail.contoso.com'],
    days: 90,
    clock: rig.clock,
  })
  const files = {
    certificate: join(rig.dataDir, 'own-cert.pem'),
    key: join(rig.dataDir, 'own-key.pem'),
  }
  const write = () => {
    writeFileSync(files.certificate, certificate)
    writeFileSync(files.key, key.reveal())
    utimesSync(files.key, rig.clock.now() / 1000, rig.clock.now() / 1000)
  }
  return { files, write }
}

/** The relay with these files, what it tells of its problems, and the certificate that it shows. */
async function openWith(rig: ClientsRig, certificateFiles: RelayConfig['certificateFiles']) {
  const { relay, events } = build(rig, { certificateFiles })
  await relay.start()
  const told: (string | null)[] = []
  events.on('relay.changed', ({ problem }) => void told.push(problem))
  const port = relay.address()?.port ?? 0
  const shown = await shownCertificate(port)
  return { relay, told, port, shown, [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() }
}

test('certificates of the operator are read again when they change; a broken pair changes nothing', async () => {
  await using rig = await startClients()
  const first = await ownPair(rig)
  first.write()
  await using open = await openWith(rig, first.files)
  const { relay, told, port, shown } = open
  const second = await ownPair(rig)
  writeFileSync(first.files.certificate, 'nonsense')
  await rig.clock.advance(60_000)
  expect(relay.problem()).toMatch(/own-cert\.pem.* goes on with the former certificate/)
  expect(await shownCertificate(port)).toBe(shown)
  second.write()
  await rig.clock.advance(60_000)
  expect(relay.problem()).toBeNull()
  expect(told).toEqual([expect.stringContaining('former certificate'), null])
  expect(await shownCertificate(port)).not.toBe(shown)
})

const WEAK_PAIR = readFileSync(
  join(import.meta.dirname, '../entra/certificates/rsa-1024.pem'),
  'utf8',
)
const HALF_CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIBkTCB+wIJAK\n'

test.each([
  { what: 'with a short key', weak: true },
  { what: 'half written', weak: false },
])('a renewed pair that TLS refuses, $what, changes nothing', async ({ weak }) => {
  await using rig = await startClients()
  const { files, write } = await ownPair(rig)
  write()
  await using open = await openWith(rig, files)
  const { relay, told, port, shown } = open
  const good = readFileSync(files.certificate, 'utf8')
  writeFileSync(files.certificate, weak ? WEAK_PAIR : good + HALF_CERTIFICATE)
  if (weak) writeFileSync(files.key, WEAK_PAIR)
  for (const _look of [1, 2]) {
    await rig.clock.advance(60_000)
    expect(relay.problem()).toMatch(/own-cert\.pem.* goes on with the former certificate/)
    expect(await shownCertificate(port)).toBe(shown)
  }
  const second = await ownPair(rig)
  second.write()
  await rig.clock.advance(60_000)
  expect(told).toEqual([expect.stringContaining('cannot offer TLS'), null])
  expect(await shownCertificate(port)).not.toBe(shown)
})

test('without a usable certificate of the operator it stays closed until there is one', async () => {
  await using rig = await startClients()
  const pair = await ownPair(rig)
  const { relay, opened } = build(rig, { certificateFiles: pair.files })
  await using _ = relay
  await relay.start()
  expect(relay.problem()).toMatch(/cannot offer TLS, because .*own-cert\.pem .*no such file/)
  pair.write()
  await rig.clock.advance(5_000)
  await opened
})

import { expect, type TestContext, test } from 'vitest'
import { DAY_MS } from '../../../src/platform/clock.ts'
import { createLogins } from '../../../src/relay/clients/index.ts'
import type { RelayClientInput } from '../../../src/relay/index.ts'
import type { FakeClock } from '../../support/clock.ts'
import { skipFor } from '../../support/skip.ts'
import { base64 } from '../../support/smtp-dialogue.ts'
import { ADMIN, envelope, mail, otherAddress, plain, startClients, startRelay } from './harness.ts'

const PASSWORD = 'correct horse battery'
const CHOSEN = { authentication: 'password', password: PASSWORD } as const
const HERE = '192.0.2.7'

/** Lets time pass until the promise resolves. */
async function passTime<Result>(clock: FakeClock, promise: Promise<Result>): Promise<Result> {
  let isDone = false
  const settled = promise.finally(() => {
    isDone = true
  })
  while (!isDone) {
    await clock.advance(500)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return settled
}

function needOtherAddress(context: TestContext): string {
  return otherAddress() ?? skipFor(context, 'this machine has only its loopback address')
}

test('PLAIN and LOGIN, with and without an initial response, take the right secret alone', async () => {
  await using rig = await startRelay()
  const { secret } = rig
  await using first = await rig.session({ login: false })
  expect((await first.command('AUTH PLAIN')).text).toBe('334 ')
  expect((await first.command(plain('APP', secret))).text).toMatch(/^235 2\.7\.0 /)
  await using second = await rig.session({ login: false, tls: true })
  expect((await second.command('AUTH LOGIN')).code).toBe(334)
  expect((await second.command(base64('app'))).code).toBe(334)
  expect((await second.command(base64(secret))).code).toBe(235)
  await using third = await rig.session({ login: false })
  expect((await third.command(`AUTH LOGIN ${base64('app')}`)).code).toBe(334)
  expect((await third.command(base64(`${secret}x`))).text).toMatch(/^535 5\.7\.8 /)
  expect((await third.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^530 5\.7\.0 /)
  expect(rig.log.lines.join('')).not.toContain(secret)
  expect(rig.news).toEqual(['open', 'login failed 127.0.0.1', 'refused 530 5.7.0'])
})

test.each([
  ['AUTH XOAUTH2 abc', '504'],
  ['AUTH CRAM-MD5', '504'],
  ['AUTH PLAIN not-base64!', '501'],
  [`AUTH PLAIN ${base64('boss\0app\0x')}`, '535'],
  [`AUTH PLAIN ${base64('\0app\0')}`, '535'],
])('%s is refused', async (command, code) => {
  await using rig = await startRelay()
  await using dialogue = await rig.session({ login: false })
  expect((await dialogue.command(command)).text.slice(0, 3)).toBe(code)
})

test('a login in the middle of a message is refused', async () => {
  await using rig = await startRelay({
    others: [
      { name: 'near', profileId: 'default', authentication: 'address', addresses: ['127.0.0.1'] },
    ],
  })
  await using dialogue = await rig.session({ login: false })
  await dialogue.command('MAIL FROM:<alerts@contoso.com>')
  expect((await dialogue.command(`AUTH PLAIN ${plain('app', rig.secret)}`)).code).toBe(503)
})

test('five failed logins end their connection', async () => {
  await using rig = await startRelay({ limits: { loginMs: DAY_MS, sessionMs: DAY_MS } })
  await using dialogue = await rig.session({ login: false })
  const replies: number[] = []
  for (let i = 0; i < 5; i++) {
    const reply = dialogue.command(`AUTH PLAIN ${plain('app', 'wrong')}`)
    replies.push((await passTime(rig.clock, reply)).code)
  }
  expect(replies).toEqual([535, 535, 535, 535, 421])
  await dialogue.closed
})

test('passwords travel in clear text on this machine only', async (context) => {
  const address = needOtherAddress(context)
  await using rig = await startRelay({ config: { host: '0.0.0.0' } })
  await using dialogue = await rig.open(address)
  await dialogue.read()
  const offered = await dialogue.command('EHLO client.test')
  expect(offered.text).not.toContain('AUTH')
  const login = `AUTH PLAIN ${plain('app', rig.secret)}`
  expect((await dialogue.command(login)).text).toMatch(/^538 5\.7\.11 /)
  await dialogue.startTls()
  expect((await dialogue.command('EHLO client.test')).text).toContain('AUTH PLAIN LOGIN')
  expect((await dialogue.command(login)).code).toBe(235)
  await envelope(dialogue)
  expect((await dialogue.content(mail())).code).toBe(250)
  expect((await rig.outbox.message()).body).toContain('with ESMTPSA')
})

test('a device that is known by its address needs no login, others do', async (context) => {
  const address = needOtherAddress(context)
  await using rig = await startRelay({
    config: { host: '0.0.0.0' },
    others: [
      {
        name: 'printer',
        profileId: 'other',
        authentication: 'address',
        addresses: [`${address}/32`],
        maxMessageBytes: 10_000,
      },
      {
        name: 'wide',
        profileId: 'default',
        authentication: 'address',
        addresses: [`${address}/24`],
      },
    ],
  })
  await using dialogue = await rig.open(address)
  await dialogue.read()
  expect((await dialogue.command('EHLO printer')).text).toContain('SIZE 10000')
  await envelope(dialogue)
  expect((await dialogue.content(mail())).code).toBe(250)
  // Of two networks the narrower one counts.
  expect((await rig.outbox.message()).draft.profileId).toBe('other')
  await using stranger = await rig.session({ login: false })
  expect((await stranger.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^530 5\.7\.0 /)
})

test('this machine and known addresses are greeted at once, strangers after the wait of the library', async (context) => {
  const address = needOtherAddress(context)
  const printer: RelayClientInput = {
    name: 'printer',
    profileId: 'default',
    authentication: 'address',
    addresses: [address],
  }
  const greetingMs = async (host: string, others: readonly RelayClientInput[]) => {
    await using rig = await startRelay({ config: { host: '0.0.0.0' }, others })
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < 5; i++) {
      const start = performance.now()
      await using dialogue = await rig.open(host)
      await dialogue.read()
      best = Math.min(best, performance.now() - start)
    }
    return best
  }
  expect(await greetingMs('127.0.0.1', [])).toBeLessThan(60)
  expect(await greetingMs(address, [printer])).toBeLessThan(60)
  expect(await greetingMs(address, [])).toBeGreaterThan(90)
})

test('a stranger who speaks before the greeting is sent away', async (context) => {
  const address = needOtherAddress(context)
  await using rig = await startRelay({ config: { host: '0.0.0.0' } })
  await using dialogue = await rig.open(address)
  dialogue.write('EHLO early.test\r\n')
  expect((await dialogue.read()).text).toMatch(/^421 4\.5\.0 /)
})

async function startLogins() {
  await using closers = new AsyncDisposableStack()
  const rig = closers.use(await startClients())
  const app = await rig.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  await rig.clients.create({ name: 'chosen', profileId: 'default', ...CHOSEN }, ADMIN)
  const logins = createLogins({ book: rig.clients, clock: rig.clock })
  const held = closers.move()
  return {
    ...rig,
    secret: app.secret ?? '',
    /** The username of the client, or the code of the refusal. */
    async logIn(username: string, password: string, address = HERE) {
      const result = await logins.logIn({ username, password, address })
      return 'code' in result ? result.code : result.username
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

test('after three mistakes every guess waits, each longer than the one before', async () => {
  await using rig = await startLogins()
  const waits: number[] = []
  for (let i = 0; i < 8; i++) {
    const before = rig.clock.now()
    const guess = rig.logIn('chosen', `wrong password ${i}`)
    let code: unknown
    void guess.then((found) => {
      code = found
    })
    while (code === undefined) {
      if (rig.clock.sleepers > 0) await rig.clock.advance(500)
      await new Promise((resolve) => setImmediate(resolve))
    }
    waits.push(code === 535 ? rig.clock.now() - before : -1)
  }
  expect(waits).toEqual([0, 0, 0, 0, 1000, 2000, 4000, 8000])
  const code = rig.logIn('chosen', 'wrong password')
  // The next one would wait for 16 s: it is told to come later, at once.
  expect(await code).toBe(454)
})

test('guesses at the same moment wait as those one after the other', async () => {
  await using rig = await startLogins()
  const codes: (string | number | null)[] = []
  const guesses = Array.from({ length: 70 }, async (_, i) => {
    codes.push(await rig.logIn('chosen', `wrong password ${i}`))
  })
  const start = rig.clock.now()
  const lookedAt: number[] = []
  for (const waitMs of [1_000, 2_000, 4_000]) {
    await rig.clock.untilSleeping()
    await new Promise((resolve) => setImmediate(resolve))
    lookedAt.push(codes.filter((code) => code === 535).length)
    // One may be looked at, and 64 wait behind it.
    expect(codes.filter((code) => code === 454)).toHaveLength(5)
    await rig.clock.advance(waitMs)
  }
  await Promise.all(guesses)
  expect(lookedAt).toEqual([4, 5, 6])
  expect(codes.filter((code) => code === 535)).toHaveLength(7)
  // The eighth would be looked at after 15 s: it and the others are told to come later, before ten have passed.
  expect(codes.filter((code) => code === 454)).toHaveLength(63)
  expect(rig.clock.now() - start).toBe(7_000)
})

test('devices behind one address that all log in at once with the right password all get in at once', async () => {
  const devices = Array.from({ length: 12 }, (_, i) => ({
    name: `dev${i}`,
    profileId: 'default',
    authentication: 'password' as const,
    password: `right password ${i}`,
  }))
  await using rig = await startRelay({ others: devices })
  const before = rig.clock.now()
  const codes = devices.map(async ({ name, password }) => {
    await using dialogue = await rig.session({ login: false })
    return (await dialogue.command(`AUTH PLAIN ${plain(name, password)}`)).code
  })
  expect(await Promise.all(codes)).toEqual(devices.map(() => 235))
  expect(rig.clock.now()).toBe(before)
})

test('right passwords between wrong ones cost those nothing, and take nothing off them', async () => {
  await using rig = await startLogins()
  for (let i = 0; i < 3; i++) {
    await rig.logIn('chosen', 'wrong password')
    const input = { name: `dev${i}`, profileId: 'default', ...CHOSEN }
    await rig.clients.create(input, ADMIN)
    expect(await rig.logIn(`dev${i}`, PASSWORD)).toBe(`dev${i}`)
  }
  expect(await rig.logIn('chosen', 'wrong password')).toBe(535)
  const fifth = rig.logIn('chosen', 'wrong password')
  await rig.clock.untilSleeping()
  await rig.clock.advance(1_000)
  expect(await fifth).toBe(535)
})

test('many connections that log in at the same moment with the right password do not wait', async () => {
  await using rig = await startLogins()
  const logins = Array.from({ length: 50 }, () => rig.logIn('chosen', PASSWORD))
  expect(await Promise.all(logins)).toEqual(Array(50).fill('chosen'))
  const wrong = Array.from({ length: 3 }, () => rig.logIn('chosen', 'wrong password'))
  expect(await Promise.all(wrong)).toEqual([535, 535, 535])
})

test('good logins neither count nor wait, whatever others do at the same address', async () => {
  await using rig = await startLogins()
  expect(await rig.logIn('chosen', PASSWORD)).toBe('chosen')
  for (let i = 0; i < 20; i++) {
    const guess = rig.logIn('chosen', 'wrong password')
    await Promise.race([guess, rig.clock.untilSleeping()])
    await rig.clock.advance(10_000)
    await guess
  }
  expect(rig.clock.sleepers).toBe(0)
  expect(await rig.logIn('app', rig.secret)).toBe('app')
  expect(await rig.logIn('chosen', PASSWORD)).toBe('chosen')
  expect(await rig.logIn('app', 'wrong password', '198.51.100.1')).toBe(535)
})

test('a password that was right costs no CPU for ten minutes, and a changed one counts at once', async () => {
  await using rig = await startLogins()
  await rig.logIn('chosen', PASSWORD)
  const before = process.cpuUsage()
  for (let i = 0; i < 50; i++) expect(await rig.logIn('chosen', PASSWORD)).toBe('chosen')
  for (let i = 0; i < 50; i++) expect(await rig.logIn('app', rig.secret)).toBe('app')
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1_000 / 100).toBeLessThan(5)
  const chosen = rig.clients.forLogin('chosen')?.client
  const input = { name: 'chosen', profileId: 'default', ...CHOSEN, password: 'another password' }
  await rig.clients.replace(chosen?.id ?? '', input, ADMIN)
  expect(await rig.logIn('chosen', PASSWORD)).toBe(535)
  expect(await rig.logIn('chosen', 'another password')).toBe('chosen')
})

test('a name that nobody has costs as much as one that somebody has', async () => {
  await using rig = await startLogins()
  const cpuMs = async (username: string) => {
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < 3; i++) {
      const before = process.cpuUsage()
      await rig.logIn(username, 'wrong password', `198.51.100.${i}${username.length}`)
      const { user, system } = process.cpuUsage(before)
      best = Math.min(best, (user + system) / 1_000)
    }
    return best
  }
  await cpuMs('chosen')
  const costs = [await cpuMs('chosen'), await cpuMs('nobody'), await cpuMs('app')]
  expect(Math.max(...costs) / Math.min(...costs)).toBeLessThan(3)
})

test('a login is bound to the addresses of its client, which only the right secret learns', async () => {
  await using rig = await startLogins()
  const app = rig.clients.forLogin('app')?.client
  const input = { name: 'app', profileId: 'default', addresses: ['192.0.2.0/24', '2001:db8::/32'] }
  await rig.clients.replace(app?.id ?? '', input, ADMIN)
  expect(await rig.logIn('app', rig.secret, '192.0.2.9')).toBe('app')
  expect(await rig.logIn('app', rig.secret, '::ffff:192.0.2.9')).toBe('app')
  expect(await rig.logIn('app', rig.secret, '2001:db8::1')).toBe('app')
  expect(await rig.logIn('app', rig.secret, '198.51.100.1')).toBe(535)
})

import { createHmac, randomBytes } from 'node:crypto'
import { type Clock, MINUTE_MS } from '../../platform/clock.ts'
import type { Reply } from '../reply.ts'
import type { KnownSecret, RelayClient, RelayClientBook } from './client.ts'
import { createLoginThrottle } from './login-throttle.ts'
import { hostKeyOf, readNetwork } from './networks.ts'
import { isUnguessable, matchesFastHash, matchesSlowHash, NOBODY } from './secret.ts'

/** How long a chosen password that was right is not computed again. */
const FRESH_MS = 10 * MINUTE_MS
const MOST_REMEMBERED = 1_000
/** Passwords computed at once, 16 MB each, and how many may wait. */
const AT_ONCE = 2
const MOST_WAITING = 32

export interface Attempt {
  readonly username: string
  readonly password: string
  readonly address: string
}

export interface Logins {
  /** The client, or the answer to a login that was refused. */
  logIn(attempt: Attempt): Promise<RelayClient | Reply>
}

/** A chosen password that must be computed. */
interface Guess {
  readonly throttleKey: string
  readonly known: KnownSecret | undefined
  readonly mark: string | undefined
  readonly password: string
}

/**
 * Checks logins. A generated secret costs one SHA-256; a chosen password costs scrypt, once in ten minutes. A username
 * that nobody has costs what that of somebody does. What is guessed passes the throttle of its address; a generated
 * secret cannot be guessed, and a password that was right before is no guess, so neither waits behind the failures of
 * others at the same address.
 */
export function createLogins(deps: { book: RelayClientBook; clock: Clock }): Logins {
  const { book, clock } = deps
  const throttle = createLoginThrottle({ clock })
  const key = randomBytes(32)
  /** When each password was last computed and right: by client, secret and password. */
  const proven = new Map<string, number>()
  /** By address and mark. */
  const judging = new Map<string, Promise<boolean | Reply>>()
  const compute = createLimit()

  function markOf(known: KnownSecret, password: string): string {
    const { id, secretVersion } = known.client
    return createHmac('sha256', key)
      .update(`${id} ${secretVersion} ${password}`)
      .digest('base64url')
  }

  function remember(mark: string): void {
    proven.delete(mark)
    const [oldest] = proven.keys()
    if (oldest !== undefined && proven.size >= MOST_REMEMBERED) proven.delete(oldest)
    proven.set(mark, clock.now())
  }

  /** Whether a chosen password is right, or the answer to an attempt that is not looked at. */
  async function judge({ throttleKey, known, mark, password }: Guess): Promise<boolean | Reply> {
    const look = async () => {
      const isRight = await compute(() => matchesSlowHash(password, hashFor(known, 'password')))
      if (isRight === undefined) return BUSY
      if (mark === undefined || !isRight) return false
      remember(mark)
      return true
    }
    const isProven = mark !== undefined && proven.has(mark)
    return (isProven ? await look() : await throttle.inTurn(throttleKey, look)) ?? TOO_MANY
  }

  /** Connections that log in with the same password at the same moment are one attempt. */
  function judgeOnce(guess: Guess): Promise<boolean | Reply> {
    if (guess.mark === undefined) return judge(guess)
    const key = `${guess.throttleKey} ${guess.mark}`
    const running = judging.get(key)
    if (running !== undefined) return running
    const started = judge(guess).finally(() => judging.delete(key))
    judging.set(key, started)
    return started
  }

  return {
    async logIn({ username, password, address }) {
      const throttleKey = hostKeyOf(address)
      await book.refresh()
      const known = book.forLogin(username)
      if (isUnguessable(password)) {
        const isRight = matchesFastHash(password, hashFor(known, 'generated'))
        if (isRight && known !== undefined) return admit(known.client, address)
        const isWrong = (await throttle.inTurn(throttleKey, async () => false)) === false
        return isWrong ? WRONG : TOO_MANY
      }
      const mark = known?.type === 'password' ? markOf(known, password) : undefined
      const provenAt = mark === undefined ? undefined : proven.get(mark)
      if (known !== undefined && provenAt !== undefined) {
        if (Math.abs(clock.now() - provenAt) < FRESH_MS) return admit(known.client, address)
      }
      const isRight = await judgeOnce({ throttleKey, known, mark, password })
      if (typeof isRight !== 'boolean') return isRight
      return isRight && known !== undefined ? admit(known.client, address) : WRONG
    },
  }
}

/** Of nobody where the client has no secret of this type, so that the work is the same. */
function hashFor(known: KnownSecret | undefined, type: KnownSecret['type']): string {
  if (known?.type === type) return known.hash
  return type === 'generated' ? '00'.repeat(32) : NOBODY
}

/** Only whoever has the right secret learns that it may not be used from there. */
function admit(client: RelayClient, address: string): RelayClient | Reply {
  if (client.addresses.length === 0) return client
  const isNear = client.addresses.some((text) => readNetwork(text)?.contains(address) === true)
  return isNear ? client : ELSEWHERE
}

/** Runs a few at once and lets a few wait; undefined: too many wait already. */
function createLimit(): <Result>(run: () => Promise<Result>) => Promise<Result | undefined> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (run) => {
    if (running >= AT_ONCE) {
      if (waiting.length >= MOST_WAITING) return undefined
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running += 1
    try {
      return await run()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

const WRONG: Reply = {
  code: 535,
  enhanced: '5.7.8',
  text: 'The username or the password is wrong. Enter those of a relay client; an administrator makes one with "postern client create".',
}

const ELSEWHERE: Reply = {
  code: 535,
  enhanced: '5.7.8',
  text: 'This relay client may not log in from this address. An administrator can add the address to the client.',
}

// RFC 4954 §6: a temporary failure, which no client takes for a wrong password.
const TOO_MANY: Reply = {
  code: 454,
  enhanced: '4.7.0',
  text: 'Too many failed logins from this address. Correct the username and the password there, and try again in a minute.',
}

const BUSY: Reply = {
  code: 454,
  enhanced: '4.7.0',
  text: 'Too many logins at once. Try again in a moment.',
}

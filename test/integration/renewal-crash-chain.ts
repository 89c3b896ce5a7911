import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { decodeProtectedHeader } from 'jose'
import { expect, vi } from 'vitest'
import { certificateFactsOf, createSelfSignedCertificate } from '../../src/entra/index.ts'
import { DAY_MS, HOUR_MS, systemClock, toIso } from '../../src/platform/clock.ts'
import { newId } from '../../src/platform/ids.ts'
import { startSandboxTenant } from '../../src/sandbox/index.ts'
import { profileFor } from '../support/agent.ts'
import { temporaryFolder } from '../support/folder.ts'
import { type SeenRequest, startHoldingProxy } from '../support/holding-proxy.ts'
import { type AgentProcess, agentEnvironment, startAgentProcess } from '../support/process.ts'

export type Kind = 'clientSecret' | 'certificate'

/** A moment at which the process is killed. */
export type Point =
  /** One of its calls: before it arrives, or after it was carried out and before the answer is back. */
  | { readonly at: 'before' | 'after'; readonly call: string }
  /** The database holds what the query finds for the profile @id. */
  | { readonly at: 'commit'; readonly what: string; readonly sql: string }
  /** The new credential logs in. */
  | { readonly at: 'login' }

/** A profile whose credential ends in ten days, with an application of its own. */
export interface Subject {
  readonly id: string
  readonly clientId: string
  /** Of the registration. */
  readonly objectId: string
  readonly input: Record<string, unknown>
}

export interface InUse {
  /** The active credential, and all that Postern holds of the profile. */
  readonly active: string
  readonly states: readonly string[]
  readonly atEntra: readonly string[]
}

/** An agent process that is started again, on the same folder, whenever it was killed. */
export interface CrashChain extends AsyncDisposable {
  register(id: string): Promise<Subject>
  create(subject: Subject): Promise<unknown>
  /** As if the grace time had passed; a change of the profile has Postern look at once. */
  endGrace(subject: Subject): Promise<unknown>
  /** Kills the agent at that point of what `cause` begins, and starts it again. */
  kill(point: Point, subject: Subject, cause: () => Promise<unknown>): Promise<void>
  /** Until the journal has come so far. */
  untilStep(step: string, subject: Subject): Promise<void>
  /** Verifies the profile, which must be green, and looks what there is of it. */
  look(subject: Subject): Promise<InUse>
  count(table: string): unknown
}

const WAIT_MS = 15_000
/** The next commit may be milliseconds away: so long nothing else is done than looking. */
const SPIN_MS = 5
const SHORT_KEY = { keyBits: 2048, clock: systemClock } as const

/** An agent that has once ended in peace leaves its compiled code: the many starts are quicker by half then. */
export async function prepareStarts(cacheFolder: string): Promise<void> {
  using folder = temporaryFolder()
  const env = agentEnvironment(folder.path, { caPem: '' })
  const { POSTERN_CA_FILE: _, ...alone } = env
  await using agent = await startAgentProcess({ ...alone, NODE_COMPILE_CACHE: cacheFolder })
  agent.kill('SIGTERM')
  await agent.ended
}

export async function startCrashChain(
  kind: Kind,
  options: { graphRoles: readonly string[]; cacheFolder: string },
): Promise<CrashChain> {
  const { graphRoles, cacheFolder } = options
  await using opened = new AsyncDisposableStack()
  const sandbox = opened.use(await startSandboxTenant({ clock: systemClock }))
  const { tenant } = sandbox
  const proxy = opened.use(await startHoldingProxy(sandbox))
  const folder = opened.use(temporaryFolder())
  const env = {
    ...agentEnvironment(folder.path, { caPem: `${sandbox.caPem}\n${proxy.caPem}` }),
    HTTPS_PROXY: proxy.url,
    NODE_COMPILE_CACHE: cacheFolder,
  }
  let agent: AgentProcess = await startAgentProcess(env)
  opened.defer(() => agent[Symbol.asyncDispose]())
  const database = join(folder.path, 'data', 'postern.db')
  const sqlite = new Sqlite(database, { timeout: 5_000 })
  opened.defer(() => void sqlite.close())
  const has = (sql: string, id: string) => sqlite.prepare(sql).get({ id }) !== undefined
  const held = opened.move()

  /** Thumbprint of a certificate, Secret ID of a secret. */
  function atEntra(clientId: string): string[] {
    const { secrets, certificates } = tenant.state().apps[clientId] ?? {}
    if (kind === 'clientSecret') return Object.keys(secrets ?? {})
    return Object.values(certificates ?? {}).map(({ certificate }) => {
      const pem = certificate.startsWith('-')
        ? certificate
        : `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----`
      return certificateFactsOf(pem)?.thumbprint ?? ''
    })
  }

  function matcher(call: string, { clientId, objectId, input }: Subject) {
    return ({ path, body }: SeenRequest): boolean => {
      if (call !== TOKEN_BY_NEW) {
        return path.includes(call) && (path.includes(clientId) || path.includes(objectId))
      }
      const form = new URLSearchParams(body)
      if (form.get('client_id') !== clientId) return false
      return proofIn(form) !== proofOf(input)
    }
  }

  return {
    async register(id) {
      const clientId = newId()
      const objectId = newId()
      const servicePrincipal = { objectId: newId() }
      const endsAt = toIso(systemClock.now() + 10 * DAY_MS)
      const days = { commonName: id, days: 10, ...SHORT_KEY }
      const pair = kind === 'certificate' ? await createSelfSignedCertificate(days) : undefined
      const value = `${id}-8Q~${newId()}`
      tenant.settle({
        apps: {
          [clientId]: {
            objectId,
            servicePrincipal,
            exchangeRoles: ['SMTP.SendAsApp'],
            graphRoles,
            ...(pair === undefined
              ? { secrets: { [newId()]: { value, endDateTime: endsAt } } }
              : { certificates: { [newId()]: { certificate: pair.certificate } } }),
          },
        },
        exchange: { servicePrincipals: { [clientId]: servicePrincipal } },
        mailboxes: { [sandbox.mailbox]: { fullAccess: { [clientId]: '2020-01-01T00:00:00Z' } } },
      })
      const credential =
        pair === undefined
          ? { type: kind, value, expiresAt: endsAt }
          : { type: kind, ...pair, privateKey: pair.privateKey.reveal() }
      const profile = profileFor(sandbox)
      const authentication = {
        ...Object(profile['authentication']),
        clientId,
        credential,
        renewal: { enabled: true },
      }
      return { id, clientId, objectId, input: { ...profile, id, authentication } }
    },

    create: ({ input }) => agent.call('POST', 'profiles', input),

    async endGrace({ id, input }) {
      const end =
        'update credential_renewal set remove_after = 0, updated_at = updated_at - @hour where profile_id = @id'
      sqlite.prepare(end).run({ id, hour: HOUR_MS })
      const authentication = { ...Object(input['authentication']), credential: { type: kind } }
      const changed = { ...input, subjectPrefix: 'changed', authentication }
      return agent.call('PUT', `profiles/${id}`, changed, { 'if-match': '*' })
    },

    async kill(point, subject, cause) {
      const dying = agent
      const spring = () => dying.kill('SIGKILL')
      if ('call' in point) {
        proxy.set({ match: matcher(point.call, subject), when: point.at, spring })
      }
      const { authAttempts } = tenant.counters
      // Its answer may be lost with the process.
      const begun = cause().catch(() => {})
      const isReached = () => {
        if (point.at === 'commit') return has(point.sql, subject.id)
        return point.at === 'login' && tenant.counters.authAttempts > authAttempts + 1
      }
      let isOver = false
      const ended = dying.ended.finally(() => {
        isOver = true
      })
      // At once, where the next step does not wait for anything outside.
      while (!('call' in point) && !isOver) {
        const until = performance.now() + SPIN_MS
        while (performance.now() < until) if (isReached()) spring()
        await nextTurn()
      }
      const look = () => expect(isOver, `to be reached: ${JSON.stringify(point)}`).toBe(true)
      await vi.waitFor(look, { timeout: WAIT_MS, interval: 10 })
      expect((await ended).signal).toBe('SIGKILL')
      await begun
      agent = await startAgentProcess(env)
    },

    async untilStep(step, { id }) {
      const sql = `select 1 from credential_renewal where profile_id = @id and step = '${step}'`
      const look = () => expect(has(sql, id), `${id} is to be ${step}`).toBe(true)
      await vi.waitFor(look, { timeout: WAIT_MS, interval: 10 })
    },

    async look({ id, clientId }) {
      const report = await agent.call('POST', `profiles/${id}/verify`, {})
      expect(report.body.outcome, report.text).toBe('ok')
      const { credentials } = (await agent.call('GET', `profiles/${id}/credential`)).body
      const [active] = sqlite
        .prepare(
          "select coalesce(key_id, '') || ' ' || hint from credential where profile_id = @id and state = 'active'",
        )
        .pluck()
        .all({ id })
      return {
        active: String(active).split(' ')[kind === 'certificate' ? 1 : 0] ?? '',
        states: credentials.map(({ state }: { state: string }) => state),
        atEntra: atEntra(clientId),
      }
    },

    count: (table) => sqlite.prepare(`select count(*) from ${table}`).pluck().get(),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

export const TOKEN_BY_NEW = 'token by the new one'

/** What a token request proves itself with: the secret, or the name of the certificate. */
function proofIn(form: URLSearchParams): string {
  const assertion = form.get('client_assertion')
  if (assertion === null) return form.get('client_secret') ?? ''
  return String(decodeProtectedHeader(assertion)['x5t#S256'])
}

function proofOf(input: Record<string, unknown>): string {
  const { credential } = Object(input['authentication'])
  if (credential.type === 'clientSecret') return credential.value
  const hex = certificateFactsOf(credential.certificate)?.thumbprintSha256 ?? ''
  return Buffer.from(hex, 'hex').toString('base64url')
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

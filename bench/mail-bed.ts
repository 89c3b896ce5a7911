import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { systemClock } from '../src/platform/clock.ts'
import { makeServerCertificate } from '../src/relay/tls/server-certificate.ts'
import { type AgentProcess, startAgentProcess } from './agent-process.ts'
import { startChild } from './child.ts'
import { type DataFolder, prepareDataFolder, profileId } from './data-folder.ts'
import { freePort } from './free-port.ts'
import type { MailTarget } from './mail-load.ts'

/** Who sends in every measure, and to whom. */
export const SENDER = `${profileId(0)}@contoso.com`
export const RECIPIENT = 'operator@fabrikam.com'

/** One certificate for every server of a measure. */
export interface CertificateFiles extends Disposable {
  readonly certificate: string
  readonly key: string
}

export async function makeCertificateFiles(): Promise<CertificateFiles> {
  const { certificate, key } = await makeServerCertificate({
    names: ['localhost', '127.0.0.1'],
    days: 2,
    clock: systemClock,
  })
  const place = mkdtempSync(join(tmpdir(), 'postern-bench-certificate-'))
  const files = { certificate: join(place, 'certificate.pem'), key: join(place, 'key.pem') }
  writeFileSync(files.certificate, certificate)
  writeFileSync(files.key, key.reveal())
  return { ...files, [Symbol.dispose]: () => rmSync(place, { recursive: true, force: true }) }
}

/** What a sink has seen; instants are milliseconds since 1970. */
export const SinkCounts = Type.Object({
  received: Type.Integer(),
  connections: Type.Integer(),
  mostAtOnce: Type.Integer(),
  /** With 432. */
  refused: Type.Integer(),
  firstAt: Type.Number(),
  lastAt: Type.Number(),
})
export type SinkCounts = Static<typeof SinkCounts>

/** A server to deliver to, in a process of its own. */
export interface MailSink extends AsyncDisposable {
  readonly port: number
  counts(): Promise<SinkCounts>
  /** Resolves when it has so many messages. */
  received(messages: number): Promise<SinkCounts>
}

export const ListeningPort = Type.Object({ port: Type.Integer() })
const POLL_MS = 20
const LONGEST_DRAIN_MS = 180_000

export async function startSink(
  files: CertificateFiles,
  { delayMs = 0, mostConnections = 0 } = {},
): Promise<MailSink> {
  const args = [files.certificate, files.key, String(delayMs), String(mostConnections)]
  const child = startChild(['bench/processes/mail-sink.mjs', ...args], { NODE_OPTIONS: '' })
  const { port } = await child.line(ListeningPort)
  const counts = () => child.ask('', SinkCounts)
  return {
    port,
    counts,
    async received(messages) {
      const end = performance.now() + LONGEST_DRAIN_MS
      for (;;) {
        const now = await counts()
        if (now.received >= messages) return now
        if (performance.now() > end) {
          throw new Error(`the server got ${now.received} of ${messages} messages`)
        }
        await systemClock.sleep(POLL_MS)
      }
    },
    [Symbol.asyncDispose]: () => child.stop(),
  }
}

/** smtp-server that throws the mail away, with the options of the image. */
export async function startBareRelay(
  files: CertificateFiles,
): Promise<AsyncDisposable & { readonly target: MailTarget }> {
  const child = startChild(['bench/processes/bare-smtp.mjs', files.certificate, files.key])
  const { port } = await child.line(ListeningPort)
  const login = { username: 'bench', password: 'bench' }
  return {
    target: mailTarget(port, { security: 'starttls', login }),
    [Symbol.asyncDispose]: () => child.stop(),
  }
}

export function mailTarget(
  port: number,
  { security, login }: Pick<MailTarget, 'security' | 'login'>,
): MailTarget {
  return { host: '127.0.0.1', port, security, login, sender: SENDER, recipient: RECIPIENT }
}

/** An agent with a relay client, and the profile that its mail goes out by. */
export interface MailAgent extends AsyncDisposable {
  readonly agent: AgentProcess
  readonly folder: DataFolder
  /** Of the relay. */
  readonly target: MailTarget
}

const ClientAnswer = Type.Object({ username: Type.String(), secret: Type.String() })

/** `serverPort`: of the server on this machine that it delivers to, without a limit of the pace. */
export async function startMailAgent(
  files: CertificateFiles,
  serverPort: number,
): Promise<MailAgent> {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(
    await prepareDataFolder({ profiles: [localProfile(serverPort)], scope: 'admin' }),
  )
  const port = await freePort()
  const agent = opened.use(
    await startAgentProcess(folder, {
      POSTERN_RELAY_PORT: String(port),
      POSTERN_CA_FILE: files.certificate,
    }),
  )
  const login = await createRelayClient(agent, folder)
  const held = opened.move()
  return {
    agent,
    folder,
    target: mailTarget(port, { security: 'starttls', login }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** A port of this machine where no server is: nothing can be delivered. */
export const noServer = freePort

export function localProfile(serverPort: number, index = 0): unknown {
  return {
    id: profileId(index),
    senderDisplayName: 'Process Alerts',
    senderEmailAddress: `${profileId(index)}@contoso.com`,
    server: { host: '127.0.0.1', port: serverPort, security: 'starttls' },
    authentication: { type: 'none' },
    delivery: { connections: 3, messagesPerMinute: null, recipientsPerDay: null },
  }
}

async function createRelayClient(
  agent: AgentProcess,
  folder: DataFolder,
): Promise<{ username: string; password: string }> {
  const answer = await fetch(`${agent.url}/api/v1/relay-clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${folder.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', profileId: profileId(0) }),
  })
  const text = await answer.text()
  const client: unknown = JSON.parse(text)
  if (!Value.Check(ClientAnswer, client)) throw new Error(`no relay client: ${text}`)
  return { username: client.username, password: client.secret }
}

import { spawn } from 'node:child_process'
import { closedPort } from './closed-port.ts'
import { repositoryFile } from './golden.ts'
import { type AgentProcess, PROCESS_ADMIN_TOKEN, startAgentProcess } from './process.ts'
import { SOURCE_FLAGS } from './source-flags.ts'

/** What an agent of its own process needs to relay, and what its clients need to reach it after every start. */
export interface SendingSite {
  readonly env: Readonly<Record<string, string>>
  readonly dataDir: string
  readonly url: string
  readonly relayPort: number
  readonly token: string
  readonly sender: string
}

/** `compileCache`: a folder that several starts share. */
export async function sendingSite(folder: string, compileCache?: string): Promise<SendingSite> {
  const dataDir = `${folder}/data`
  const [httpPort, relayPort] = [await closedPort(), await closedPort()]
  return {
    env: {
      POSTERN_DATA_DIR: dataDir,
      POSTERN_HTTP_PORT: String(httpPort),
      POSTERN_RELAY_PORT: String(relayPort),
      POSTERN_ADMIN_TOKEN: PROCESS_ADMIN_TOKEN,
      ...(compileCache !== undefined && { NODE_COMPILE_CACHE: compileCache }),
    },
    dataDir,
    url: `http://127.0.0.1:${httpPort}`,
    relayPort,
    token: PROCESS_ADMIN_TOKEN,
    sender: 'alerts@contoso.com',
  }
}

/** Settings of a profile for a server without login and TLS, with no other limit than three connections. */
export function plainProfile(
  server: { readonly host: string; readonly port: number },
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    id: 'default',
    senderDisplayName: 'Process Alerts',
    senderEmailAddress: 'alerts@contoso.com',
    subjectPrefix: '',
    errorEmailAddress: null,
    server: { host: server.host, port: server.port, security: 'none' },
    authentication: { type: 'none' },
    ...more,
  }
}

/** Login of a relay client that was made for this. */
export interface MadeClient {
  readonly username: string
  readonly secret: string
}

type Call = AgentProcess['call']

export async function makeRelayClient(
  call: Call,
  more: Record<string, unknown> = {},
): Promise<MadeClient> {
  const made = await call('POST', 'relay-clients', {
    name: 'printer',
    profileId: 'default',
    ...more,
  })
  if (made.status !== 201) throw new Error(made.text)
  return { username: made.body.username, secret: made.body.secret }
}

/** Starts the agent for the first time, with the profile and a relay client. */
export async function firstStart(
  site: SendingSite,
  server: { readonly host: string; readonly port: number },
  profile: Record<string, unknown> = {},
): Promise<{ agent: AgentProcess; client: MadeClient }> {
  const agent = await startAgentProcess(site.env)
  try {
    const made = await agent.call('POST', 'profiles', plainProfile(server, profile))
    if (made.status !== 201) throw new Error(made.text)
    return { agent, client: await makeRelayClient(agent.call) }
  } catch (error) {
    await agent[Symbol.asyncDispose]()
    throw error
  }
}

/** Runs a command that reads its input. */
export function runWithInput(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input: string,
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [...SOURCE_FLAGS, repositoryFile('src/main.ts'), ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stderr }))
  })
}

import { type Config, loadConfig } from '../../src/config/index.ts'
import { ADMIN_TOKEN, startAgent, type TestAgent, type TestAgentOptions } from './agent.ts'
import { openRelaySender, type RelaySender } from './relay-sender.ts'
import { type MadeClient, makeRelayClient } from './sending-process.ts'

/** An agent in this process that listens for mail, with a profile and ways to hand mail in. */
export interface SendingAgent extends TestAgent {
  readonly relayPort: number
  readonly token: string
  readonly client: MadeClient
  openRelay(client?: MadeClient): Promise<RelaySender>
}

/** `profile`: its settings; undefined: the one of the agent's tenant. */
export async function startSendingAgent(
  options: TestAgentOptions & {
    profile?: (agent: TestAgent) => Record<string, unknown>
    relayClient?: Record<string, unknown>
  } = {},
): Promise<SendingAgent> {
  await using opened = new AsyncDisposableStack()
  const agent = opened.use(
    await startAgent({ ...options, config: { relay: relayConfig(), ...options.config } }),
  )
  const { profile = () => agent.profile() } = options
  const made = await agent.call('POST', 'profiles', profile(agent))
  if (made.status !== 201) throw new Error(made.text)
  const client = await makeRelayClient(agent.call, options.relayClient)
  const relayPort = agent.agent.relay.address()?.port ?? 0
  const held = opened.move()
  return {
    ...agent,
    relayPort,
    token: ADMIN_TOKEN,
    client,
    openRelay: (login = client) => openRelaySender({ port: relayPort, ...login }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** On a free port. */
function relayConfig(): Config['relay'] {
  return { ...loadConfig({ env: {}, isTerminal: false }).relay, port: 0 }
}

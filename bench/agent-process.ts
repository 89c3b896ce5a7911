import { type Child, Listening, startChild } from './child.ts'
import type { DataFolder } from './data-folder.ts'

export interface AgentProcess extends AsyncDisposable {
  readonly pid: number
  readonly url: string
}

/** Once a day, twelve hours from now: nothing is verified while something else is measured. */
const LATER = `0 ${(new Date().getUTCHours() + 12) % 24} * * *`

/** What every agent here is started with. The log goes to a pipe as JSON, as in the image. */
export function agentEnvironment(folder: DataFolder): Record<string, string> {
  return {
    NODE_ENV: 'production',
    POSTERN_DATA_DIR: folder.path,
    POSTERN_HTTP_PORT: '0',
    POSTERN_RELAY_PORT: '0',
    POSTERN_LOG_FORMAT: 'json',
    POSTERN_VERIFICATION_SCHEDULE: LATER,
  }
}

export const AGENT = ['dist/main.js', 'start'] as const

/** The built agent as a process of its own; resolves when /readyz says that it is ready. */
export async function startAgentProcess(
  folder: DataFolder,
  environment: Readonly<Record<string, string>> = {},
): Promise<AgentProcess> {
  const child = startChild(AGENT, { ...agentEnvironment(folder), ...environment })
  const ready = await whenReady(child)
  child.ignoreOutput()
  return { ...ready, [Symbol.asyncDispose]: () => child.stop() }
}

/** Waits for the line with the address, and then for /readyz to answer 200. */
export async function whenReady(child: Child): Promise<{ pid: number; url: string }> {
  try {
    const { url } = await child.line(Listening)
    const { status } = await fetch(`${url}/readyz`)
    if (status !== 200) throw new Error(`/readyz answered ${status}`)
    return { pid: child.pid, url }
  } catch (error) {
    await child.stop('SIGKILL')
    throw error
  }
}

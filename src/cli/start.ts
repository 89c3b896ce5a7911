import { createAgent } from '../agent.ts'
import { loadConfig } from '../config/index.ts'
import { productVersion } from '../platform/version.ts'
import type { RunCommand } from './command.ts'
import { EXIT_OK } from './exit-codes.ts'
import { openLog } from './log.ts'
import { untilAborted } from './until-aborted.ts'

export const run: RunCommand = async ({ env, stdout, stderr, clock, signal }) => {
  const config = loadConfig({ env, isTerminal: stdout.isTTY === true })
  const log = await openLog(config.log, stdout)
  await using agent = await createAgent(config, { clock, log, version: productVersion() })
  if (agent.firstAdminToken !== null) {
    stderr.write(
      `Admin token, shown this once (also kept in ${agent.firstAdminToken.file}): ${agent.firstAdminToken.token.reveal()}\n`,
    )
  }
  await agent.start()
  await untilAborted(signal)
  log.info('stopping')
  return EXIT_OK
}

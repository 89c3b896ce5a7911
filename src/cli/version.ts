import { productVersion } from '../platform/version.ts'
import type { RunCommand } from './command.ts'
import { EXIT_OK } from './exit-codes.ts'

export const run: RunCommand = async ({ stdout }, args) => {
  const version = productVersion()
  stdout.write(
    args.flag('json')
      ? `${JSON.stringify({ version, node: process.versions.node })}\n`
      : `postern ${version} (Node.js ${process.versions.node})\n`,
  )
  return EXIT_OK
}

/**
 * The command line: one file per command, listed in commands.ts.
 *
 * Promises: wrong arguments and wrong settings end with exit code 2 and one line for each problem; `--json` prints one
 * JSON value on standard output and nothing else there; colours appear only on terminals; a command's code is
 * loaded only when it runs.
 */
export type { CliContext, CommandSpec, Output } from './command.ts'
export { COMMANDS } from './commands.ts'
export { renderHelp, renderOverview } from './help.ts'
export { commandLineFor, runCli } from './run.ts'

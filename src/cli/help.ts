import type { CommandSpec } from './command.ts'

const WIDTH = 26

export function renderOverview(commands: readonly CommandSpec[]): string {
  return [
    'Postern keeps outgoing email flowing through Microsoft Exchange Online with OAuth.',
    '',
    'Usage: postern COMMAND [OPTIONS]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`),
    '',
    'postern COMMAND --help tells more about one.',
    '',
  ].join('\n')
}

export function renderHelp(command: CommandSpec): string {
  const options = Object.entries(command.options).map(([name, option]) => {
    const dashes = name.length === 1 ? '-' : '--'
    const shown = `${dashes}${name}${option.value === undefined ? '' : ` ${option.value}`}`
    return `  ${shown.padEnd(WIDTH)}${option.description}`
  })
  return [
    `${command.summary}.`,
    '',
    `Usage: ${['postern', command.name, ...command.positionals, '[OPTIONS]'].join(' ')}`,
    '',
    'Options:',
    ...options,
    `  ${'--help'.padEnd(WIDTH)}Print this help`,
    ...(command.notes.length > 0 ? ['', ...command.notes] : []),
    '',
  ].join('\n')
}

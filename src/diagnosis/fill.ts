import type { Command } from './api.ts'
import { PLACEHOLDERS, type PlaceholderName, type PlaceholderValues } from './placeholders.ts'

const PLACEHOLDER = /\{([a-zA-Z]+)\}/g

/** Values that come from tables or numbers of our own and stand in a command as they are. */
const OWN_WORDS: ReadonlySet<string> = new Set(['exchangeEnvironment', 'smtpPort', 'port'])
/** In an address these are its beginning, not a parameter. */
const OWN_ADDRESSES: ReadonlySet<string> = new Set(['portal', 'authority'])

export function isPlaceholder(name: string): name is PlaceholderName {
  return Object.hasOwn(PLACEHOLDERS, name)
}

/** Line ends and other control characters; in a console a pasted line end would start a command. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

/**
 * A PowerShell single-quoted string knows no escape but the doubled quote, and takes the typographic quotes
 * U+2018 to U+201B for quotes too (Microsoft: about_Quoting_Rules).
 */
export function quotePowerShell(value: string): string {
  return `'${value.replace(CONTROL, ' ').replace(/['\u2018-\u201b]/g, '$&$&')}'`
}

/** POSIX.1-2024, XCU §2.2.2: nothing inside single quotes is special but the quote itself. */
function quotePosixShell(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`
}

function argument(shell: Command['shell'], name: PlaceholderName, values: PlaceholderValues) {
  const known = values[name]?.replace(CONTROL, ' ')
  const value = known ?? `<${PLACEHOLDERS[name]}>`
  if (OWN_WORDS.has(name) && known !== undefined) return value
  if (shell === 'powershell') return quotePowerShell(value)
  if (shell === 'bash') return quotePosixShell(value)
  return known === undefined || OWN_ADDRESSES.has(name) ? value : encodeURIComponent(value)
}

/** The command with each placeholder as one whole argument that cannot break out of its quotes. */
export function fillCommand(command: Command, values: PlaceholderValues): Command {
  const text = command.text.replace(PLACEHOLDER, (whole, name: string) =>
    isPlaceholder(name) ? argument(command.shell, name, values) : whole,
  )
  return { shell: command.shell, text }
}

/** The sentence with what is known filled in. */
export function fillText(template: string, values: PlaceholderValues): string {
  return template.replace(PLACEHOLDER, (whole, name: string) =>
    isPlaceholder(name) ? (values[name] ?? `<${PLACEHOLDERS[name]}>`) : whole,
  )
}

import type { FieldProblem } from '../platform/errors.ts'
import type { OptionSpec } from './command.ts'

/** Where an option has another name than the member of the API that it fills. */
const OPTION_OF: Readonly<Record<string, string>> = {
  attachments: 'attach',
  addresses: 'address',
  scopes: 'scope',
}

/**
 * A problem of an input as a sentence of the command line: `allowedFrom.0` and `profileId` are `--allowed-from` and
 * `--profile` there. What is no option keeps its name.
 */
export function optionSentence(
  { field, message }: FieldProblem,
  options: Readonly<Record<string, OptionSpec>>,
): string {
  const [root = '', ...path] = field.split(/[.[\]]+/).filter((part) => part !== '')
  const option = [OPTION_OF[root], kebab(root), kebab(root).replace(/-id$/, '')].find(
    (name) => name !== undefined && Object.hasOwn(options, name),
  )
  const saysField = field !== '' && message.startsWith(`${field} `)
  if (option === undefined) {
    return message.startsWith(field) ? message : `${field} ${message}`
  }
  const [index = ''] = path.filter((part) => /^\d+$/.test(part))
  // Of several, the second and later ones; a single one needs no number.
  const name = `--${option}${index === '' || index === '0' ? '' : ` (number ${Number(index) + 1})`}`
  if (saysField) return `${name}${message.slice(field.length)}`
  return message.startsWith(name) ? message : `${name}: ${message}`
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

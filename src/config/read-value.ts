import { validate as isCron } from 'node-cron'

/** The parts of a setting's schema that reading one value needs. */
export interface SettingSchema {
  readonly type?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly format?: string
  readonly secret?: boolean
  readonly description?: string
}

export type Reading = { readonly value: string | number | boolean } | { readonly problem: string }

/** Turns the text of one environment variable into its value, or says what is wrong with it. */
export function readValue(schema: SettingSchema, text: string): Reading {
  const shown = schema.secret === true ? 'the value' : `"${text}"`
  if (schema.type === 'boolean') {
    if (text === 'true' || text === 'false') return { value: text === 'true' }
    return { problem: `${shown} is not a switch: use true or false` }
  }
  if (schema.type === 'integer') return readInteger(schema, text, shown)
  if (schema.enum !== undefined) {
    if (schema.enum.includes(text)) return { value: text }
    return { problem: `${shown} is not known: use one of ${schema.enum.join(', ')}` }
  }
  if (schema.minLength !== undefined && text.length < schema.minLength) {
    return { problem: `${shown} is too short: use at least ${schema.minLength} characters` }
  }
  const misfit = schema.format === undefined ? undefined : FORMATS[schema.format]?.(text)
  return misfit === undefined ? { value: text } : { problem: `${shown} ${misfit}` }
}

function readInteger(schema: SettingSchema, text: string, shown: string): Reading {
  const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = schema
  const value = Number(text)
  if (!/^-?\d+$/.test(text) || value < minimum || value > maximum) {
    return { problem: `${shown} is not a whole number from ${minimum} to ${maximum}` }
  }
  return { value }
}

/** Each says what is wrong, or undefined. */
const FORMATS: Readonly<Record<string, (text: string) => string | undefined>> = {
  'http-url': (text) => {
    const url = URL.parse(text)
    if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return undefined
    return 'is not an address: it must start with http:// or https://'
  },
  'proxy-url': (text) => {
    const url = URL.parse(text)
    const isProxy = url !== null && ['http:', 'https:', 'socks5:'].includes(url.protocol)
    if (isProxy && url.hostname !== '') return undefined
    return 'is not the address of a proxy: it must start with http://, https:// or socks5://'
  },
  // RFC 1123 §2.1: it stands in a greeting and in header lines.
  'host-name': (text) =>
    text.length <= 253 &&
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(text)
      ? undefined
      : 'is not a host name: use letters, digits, hyphens and dots, as in postern.contoso.com',
  'key-32': (text) =>
    /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) && Buffer.from(text, 'base64').length === 32
      ? undefined
      : 'is not a key: use 32 bytes in base64, as `openssl rand -base64 32` makes them',
  cron: (text) =>
    text.trim().split(/\s+/).length === 5 && isCron(text)
      ? undefined
      : 'is not a schedule: use five cron fields, such as */15 * * * *',
}

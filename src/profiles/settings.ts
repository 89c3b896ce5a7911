import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { CloudId, DeliverySettings, Renewal, ServerDetails } from './api.ts'

/** What the settings column holds: everything of a profile but its secret. */
export const StoredAuthentication = Type.Union([
  Type.Object({ type: Type.Literal('none') }),
  Type.Object({ type: Type.Literal('basic'), username: Type.String() }),
  Type.Object({
    type: Type.Literal('exchangeOnline'),
    cloud: CloudId,
    authority: Type.Optional(Type.String()),
    scope: Type.Optional(Type.String()),
    graphUrl: Type.Optional(Type.String()),
    tenantId: Type.String(),
    clientId: Type.String(),
    username: Type.Union([Type.String(), Type.Null()]),
    applicationRbac: Type.Boolean(),
    renewal: Type.Optional(Renewal),
  }),
])
export type StoredAuthentication = Static<typeof StoredAuthentication>

export const Settings = Type.Object({
  senderDisplayName: Type.String(),
  senderEmailAddress: Type.String(),
  subjectPrefix: Type.String(),
  errorEmailAddress: Type.Union([Type.String(), Type.Null()]),
  server: ServerDetails,
  authentication: StoredAuthentication,
  /** As it was given; absent: nothing of it is set. */
  delivery: Type.Optional(DeliverySettings),
})
export type Settings = Static<typeof Settings>

export interface ReadSettings {
  readonly settings: Settings
  /** The stored text was not what this version writes; what could not be read is blank. */
  readonly damaged: boolean
}

/**
 * Reads the settings column. Of a damaged one the sender, prefix and error address are kept where they are sound;
 * server and authentication are blanked together, so that nothing is sent over half a connection's settings.
 */
export function readSettings(text: string): ReadSettings {
  const stored = parse(text)
  if (Value.Check(Settings, stored)) return { settings: stored, damaged: false }
  const fields = typeof stored === 'object' && stored !== null ? { ...stored } : {}
  const textOf = (key: string): string => {
    const value: unknown = Object.entries(fields).find(([name]) => name === key)?.[1]
    return typeof value === 'string' ? value : ''
  }
  return {
    damaged: true,
    settings: {
      senderDisplayName: textOf('senderDisplayName'),
      senderEmailAddress: textOf('senderEmailAddress'),
      subjectPrefix: textOf('subjectPrefix'),
      errorEmailAddress: textOf('errorEmailAddress') || null,
      server: { host: '', port: 587, security: 'starttls' },
      authentication: { type: 'none' },
    },
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

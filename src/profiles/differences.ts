import { mailboxOf } from './profile.ts'
import type { Settings } from './settings.ts'
import { isRecord } from './shape.ts'
import type { StoredProfile } from './stored-profile.ts'

/** The settings that differ, as JSON paths such as `server.host`. */
export function changedSettings(before: Settings, after: Settings): readonly string[] {
  const one = new Map(leaves(before, ''))
  const other = new Map(leaves(after, ''))
  return [...new Set([...one.keys(), ...other.keys()])].filter(
    (path) => one.get(path) !== other.get(path),
  )
}

function leaves(value: object, path: string): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([key, item]) => {
    const at = path === '' ? key : `${path}.${key}`
    return isRecord(item) ? leaves(item, at) : [[at, item] as const]
  })
}

/** Whether tokens and connections of the old values are void. */
export function changesConnection(before: StoredProfile, after: StoredProfile): boolean {
  if (before.credential?.facts.id !== after.credential?.facts.id) return true
  if (mailboxOf(before.profile) !== mailboxOf(after.profile)) return true
  return changedSettings(before.settings, after.settings).some(
    (path) =>
      path.startsWith('server.') ||
      (path.startsWith('authentication.') && !path.startsWith('authentication.renewal')),
  )
}

/** Where the secret goes, or whose it is: after a change of these it is asked for again. */
const BINDING: Readonly<Record<string, string>> = {
  'server.host': 'the server host',
  'authentication.type': 'the kind of authentication',
  'authentication.cloud': 'the cloud',
  'authentication.authority': 'the authority',
  'authentication.graphUrl': 'the Graph address',
  'authentication.tenantId': 'the tenant',
  'authentication.clientId': 'the client ID',
}

/** In words, what changed that the stored secret is bound to; empty when it may stay. */
export function bindingChanges(before: Settings, after: Settings): readonly string[] {
  const changed = changedSettings(before, after)
  if (changed.includes('authentication.type')) {
    return changed.includes('server.host')
      ? ['the server host', 'the kind of authentication']
      : ['the kind of authentication']
  }
  return changed.flatMap((path) => BINDING[path] ?? [])
}

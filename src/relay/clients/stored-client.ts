import { Value } from 'typebox/value'
import { toIso } from '../../platform/clock.ts'
import { ClientSettings, type RelayClientView } from '../api.ts'
import type { RelayClient } from './client.ts'
import { DEFAULTS } from './rules.ts'
import type { ClientRow } from './store.ts'

/** A row as it is used. A damaged one is shown and switched off, so that it can be repaired. */
export function readStoredClient(row: ClientRow): RelayClient {
  const { id, username, secret_version: secretVersion } = row
  return { ...readSettings(row), id, username, secretVersion }
}

function readSettings(row: ClientRow): ClientSettings {
  const parsed = parse(row.settings)
  const complete: unknown = { ...DEFAULTS, ...parsed }
  if (Value.Check(ClientSettings, complete)) return complete
  return {
    ...DEFAULTS,
    name: row.username ?? row.id,
    authentication: row.secret_type === 'none' ? 'address' : row.secret_type,
    profileId: '',
    allowedFrom: [],
    addresses: [],
    enabled: false,
  }
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

export function viewOf(row: ClientRow): RelayClientView {
  return {
    id: row.id,
    username: row.username,
    ...readSettings(row),
    secretHint: row.secret_hint,
    createdAt: toIso(row.created_at),
    updatedAt: toIso(row.updated_at),
    lastUsedAt: row.last_used_at === null ? null : toIso(row.last_used_at),
  }
}

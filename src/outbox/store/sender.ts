import { type RawBuilder, type SqlBool, sql } from 'kysely'

/**
 * Whose mail a hold of a sender stops: the From header, else the envelope. The index of the held ones knows the
 * expression in these words; no index of all mail of an address does.
 */
export function isSender(sender: string): RawBuilder<SqlBool> {
  return sql<SqlBool>`coalesce(header_from, sender_key) = ${sender}`
}

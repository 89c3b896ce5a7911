import { type RawBuilder, type SqlBool, sql } from 'kysely'

/**
 * Whose mail a hold of a sender stops: the From header, else the envelope. Asked of each row that waits; no index of all
 * mail of an address knows the expression.
 */
export function isSender(sender: string): RawBuilder<SqlBool> {
  return sql<SqlBool>`coalesce(header_from, sender_key) = ${sender}`
}

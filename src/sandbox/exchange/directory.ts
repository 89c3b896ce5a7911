import { parseInstant } from '../../platform/clock.ts'
import type { MailboxModel, TenantModel } from '../model.ts'

/** A mailbox under its primary address. */
export interface FoundMailbox {
  primary: string
  mailbox: MailboxModel
}

/** The mailbox whose primary address this is; aliases do not sign in. */
export function findMailbox(state: TenantModel, primary: string): FoundMailbox | undefined {
  const exact = state.mailboxes[primary]
  if (exact !== undefined) return { primary, mailbox: exact }
  const found = Object.entries(state.mailboxes).find(([name]) => isSame(name, primary))
  return found && { primary: found[0], mailbox: found[1] }
}

/** The mailbox that receives at this address, primary or alias. */
export function resolveAddress(state: TenantModel, address: string): FoundMailbox | undefined {
  const direct = findMailbox(state, address)
  if (direct !== undefined) return direct
  const found = Object.entries(state.mailboxes).find(([, mailbox]) =>
    mailbox.aliases.some((alias) => isSame(alias, address)),
  )
  return found && { primary: found[0], mailbox: found[1] }
}

/** Addresses and GUIDs are compared without regard to case. */
export function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

/** The entry of a map whose keys are GUIDs. */
export function findByGuid<Value>(
  map: Readonly<Record<string, Value>>,
  guid: string,
): Value | undefined {
  return map[guid] ?? Object.entries(map).find(([key]) => isSame(key, guid))?.[1]
}

/** Whether a change has replicated. */
export function isEffective(effectiveAt: string | undefined, now: number): boolean {
  return effectiveAt !== undefined && (parseInstant(effectiveAt) ?? Number.POSITIVE_INFINITY) <= now
}

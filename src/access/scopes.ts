import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { Scope } from './api.ts'

/** Each scope with everything that it includes. */
const INCLUDED = {
  admin: ['admin', 'operator', 'send', 'monitor'],
  operator: ['operator', 'send', 'monitor'],
  send: ['send'],
  monitor: ['monitor'],
} as const satisfies Record<Scope, readonly Scope[]>

export function withIncluded(scopes: readonly Scope[]): ReadonlySet<Scope> {
  return new Set(scopes.flatMap((scope) => INCLUDED[scope]))
}

const ScopeList = Type.Array(Scope)

/** Reads the stored list; a damaged one permits nothing. */
export function readScopes(stored: string): Scope[] {
  try {
    const scopes: unknown = JSON.parse(stored)
    return Value.Check(ScopeList, scopes) ? scopes : []
  } catch {
    return []
  }
}

import { Value } from 'typebox/value'
import { Diagnosis } from './api.ts'

/**
 * A diagnosis as some version of Postern has stored it: what that version did not know gets its default, what this one
 * does not know is left out. Null when it cannot be read: nothing shall fail for it.
 */
export function readStoredDiagnosis(text: string | null): Diagnosis | null {
  if (text === null) return null
  const value = Value.Clean(Diagnosis, Value.Default(Diagnosis, parse(text)))
  return Value.Check(Diagnosis, value) ? value : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

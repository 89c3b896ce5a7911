import type { FieldProblem } from '../platform/errors.ts'
import type { TenantModel } from './model.ts'
import { readCertificate } from './x509.ts'

export interface SchemaProblem {
  keyword: string
  instancePath: string
  params: object
  message: string
}

/** One sentence for each wrong path. */
export function describeProblems(errors: readonly SchemaProblem[]): FieldProblem[] {
  const byField = new Map<string, string>()
  for (const error of errors) {
    const field = toFieldPath(error.instancePath)
    for (const [path, message] of describeProblem(error, field)) {
      if (!byField.has(path)) byField.set(path, message)
    }
  }
  return [...byField].map(([field, message]) => ({ field: field || '(state)', message }))
}

/** What the schema cannot see: texts that are no certificates. */
export function findCertificateProblems(state: TenantModel): FieldProblem[] {
  return Object.entries(state.apps).flatMap(([clientId, app]) =>
    Object.entries(app.certificates)
      .filter(([, { certificate }]) => readCertificate(certificate) === undefined)
      .map(([keyId]) => ({
        field: `apps.${clientId}.certificates.${keyId}.certificate`,
        message: 'is no X.509 certificate',
      })),
  )
}

function describeProblem(error: SchemaProblem, field: string): [string, string][] {
  const { params } = error
  if (error.keyword === 'required' && 'requiredProperties' in params) {
    const missing = Array.isArray(params.requiredProperties) ? params.requiredProperties : []
    return missing.map((name) => [[field, name].filter(Boolean).join('.'), 'is missing'])
  }
  // The unknown member is also reported by itself, as keyword `boolean` at its own path.
  if (error.keyword === 'additionalProperties') return []
  if (error.keyword === 'boolean') return [[field, 'is not a known key']]
  if (error.keyword === 'enum' && 'allowedValues' in params && Array.isArray(params.allowedValues))
    return [[field, `must be one of ${params.allowedValues.join(', ')}`]]
  return [[field, error.message]]
}

/** `/apps/4d1c/secrets` becomes `apps.4d1c.secrets` (RFC 6901 §4 escapes undone). */
function toFieldPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')
}

import type { Entity } from './directory.ts'

/** A query option that Graph refuses: its error code and message. */
export interface QueryProblem {
  code: string
  message: string
}

/** The properties that `$select` names, in its order; undefined means all. */
export function readSelect(params: URLSearchParams): string[] | undefined {
  const text = params.get('$select')?.trim()
  if (!text) return undefined
  return text.split(',').map((name) => name.trim())
}

export function select(
  entity: Entity,
  properties: readonly string[] | undefined,
  type: string,
): Record<string, unknown> | QueryProblem {
  if (properties === undefined) return entity
  const unknown = properties.find((name) => !Object.hasOwn(entity, name))
  if (unknown !== undefined) {
    return {
      code: 'BadRequest',
      message: `Parsing OData Select and Expand failed: Could not find a property named '${unknown}' on type 'microsoft.graph.${type}'.`,
    }
  }
  return Object.fromEntries(properties.map((name) => [name, entity[name]]))
}

export function isProblem(value: object): value is QueryProblem {
  return 'code' in value && 'message' in value
}

/** `property eq 'value'`, with quotes doubled inside (OData 4.01 URL conventions §5.1.1.6.1). */
export function readFilter(
  params: URLSearchParams,
): ((entity: Entity) => boolean) | QueryProblem | undefined {
  const text = params.get('$filter')?.trim()
  if (!text) return undefined
  const match = /^(appId|displayName|id)\s+eq\s+'((?:[^']|'')*)'$/.exec(text)
  const [, property, quoted] = match ?? []
  if (property === undefined || quoted === undefined) {
    return {
      code: 'Request_UnsupportedQuery',
      message: 'Unsupported or invalid query filter clause specified for property of resource.',
    }
  }
  const value = quoted.replaceAll("''", "'").toLowerCase()
  return (entity) => String(entity[property]).toLowerCase() === value
}

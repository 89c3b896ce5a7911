import type { TenantModel } from '../model.ts'

/** An API that tokens are issued for. */
export type ResourceKind = 'exchange' | 'graph'

export const EXCHANGE_APP_ID = '00000002-0000-0ff1-ce00-000000000000'
export const GRAPH_APP_ID = '00000003-0000-0000-c000-000000000000'
export const EXCHANGE_SCOPE = 'https://outlook.office365.com/.default'

const RESOURCES: Readonly<Record<ResourceKind, readonly string[]>> = {
  exchange: ['https://outlook.office365.com', 'https://outlook.office.com', EXCHANGE_APP_ID],
  graph: ['https://graph.microsoft.com', GRAPH_APP_ID],
}

/**
 * Which API a resource identifier names in this tenant; undefined when it has no service principal there.
 * `graphUrl`, this tenant's own address of Graph, is one of Graph's names.
 */
export function findResource(
  identifier: string,
  model: TenantModel,
  graphUrl: string,
): ResourceKind | undefined {
  const name = identifier.toLowerCase().replace(/\/$/, '')
  if (RESOURCES.exchange.includes(name)) return model.tenant.hasExchange ? 'exchange' : undefined
  if (RESOURCES.graph.includes(name) || name === graphUrl.toLowerCase()) return 'graph'
  return undefined
}

/** What a token for Graph carries as its audience. */
export function isGraphAudience(audience: unknown, graphUrl: string): boolean {
  if (typeof audience !== 'string') return false
  const name = audience.toLowerCase().replace(/\/$/, '')
  return RESOURCES.graph.includes(name) || name === graphUrl.toLowerCase()
}

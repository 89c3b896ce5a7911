import { type Rehearsal, rehearsal, type Scene } from './scene.ts'

/** Reading the end of a secret, and renewing it. */
export function graphRehearsals({ clientId }: Scene): Rehearsal[] {
  const graph = { needs: 'graph' } as const
  const renewal = { needs: 'renewal' } as const
  // The policy refuses only who may renew at all.
  const mayRenew = { [clientId]: { graphRoles: ['Application.ReadWrite.OwnedBy'] } }
  return [
    rehearsal(
      'graph_permission_missing',
      47,
      'Graph permission removed',
      { apps: { [clientId]: { graphRoles: [] } } },
      graph,
    ),
    rehearsal(
      'graph_application_not_found',
      48,
      'App registration in another tenant',
      { apps: { [clientId]: { registeredHere: false } } },
      graph,
    ),
    rehearsal(
      'graph_token_refused',
      null,
      'Graph does not accept the token',
      { graph: { fault: 'unauthenticated' } },
      graph,
    ),
    rehearsal(
      'graph_throttled',
      50,
      'Graph throttles requests',
      { graph: { fault: 'throttled' } },
      graph,
    ),
    rehearsal('graph_fault', null, 'Graph has a fault', { graph: { fault: 'html' } }, graph),
    rehearsal(
      'graph_secret_lifetime_refused',
      49,
      'Policy limits the lifetime of credentials',
      { apps: mayRenew, graph: { policy: { maxPasswordLifetimeDays: 0, maxKeyLifetimeDays: 0 } } },
      renewal,
    ),
    rehearsal(
      'graph_secret_type_refused',
      49,
      'Policy forbids new client secrets',
      { apps: mayRenew, graph: { policy: { passwordAddition: false } } },
      renewal,
    ),
  ]
}

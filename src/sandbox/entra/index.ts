/**
 * The simulated Entra ID: an HTTPS listener with the token endpoint, OpenID discovery, the signing keys and the
 * admin consent page. It decides from the tenant's state at the moment of the request, keeps nothing itself, and
 * fails on demand as `entra.fault` says.
 */
export { ERROR_CATALOGUE } from './error-catalogue.ts'
export {
  EXCHANGE_APP_ID,
  EXCHANGE_SCOPE,
  GRAPH_APP_ID,
  isGraphAudience,
} from './resources.ts'
export { type EntraServer, startEntra } from './server.ts'

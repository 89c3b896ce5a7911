/** What a feature's routes use. Loads no server, so that a command can import a feature without paying for one. */
export {
  type Authenticate,
  actorOf,
  type HttpActor,
  type HttpPrincipal,
  principalOf,
} from './authentication.ts'
export { etagOf, IfMatchHeaders, versionFromIfMatch } from './etag.ts'
export type { Permission } from './permission.ts'
export { Problem } from './problem.ts'

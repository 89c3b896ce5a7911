import type { Tenant } from '../tenant.ts'
import {
  forbidden,
  type GraphAnswer,
  type GraphContext,
  graphAnswer,
  graphError,
  resourceNotFound,
} from './answers.ts'
import { authorize } from './authorize.ts'
import { isWrite, writeCredential } from './credential-writes.ts'
import {
  type Entity,
  findApplication,
  findServicePrincipal,
  listApplications,
  listAppRoleAssignments,
  listServicePrincipals,
} from './directory.ts'
import { isProblem, readFilter, readSelect, select } from './query.ts'

export interface GraphRequest {
  method: string
  url: URL
  authorization: string | undefined
  body: string
}

export interface GraphSurroundings {
  tenant: Tenant
  graphUrl: string
  context: GraphContext
}

/** `/v1.0/applications`, `/v1.0/applications/{id}`, `/v1.0/applications(appId='…')`, and what follows. */
const PATH =
  /^\/v1\.0\/(applications|servicePrincipals)(?:\(appId='([^'/]*)'\)|\/([^/]+))?(\/[^/]+)?\/?$/
const PAGE_SIZE = 100

/** What the healthy service answers about applications and service principals. */
export async function answerGraph(
  request: GraphRequest,
  surroundings: GraphSurroundings,
): Promise<GraphAnswer> {
  const { context, tenant } = surroundings
  const path = decodePath(request.url.pathname)
  const authorization = await authorize(request.authorization, surroundings)
  if ('refusal' in authorization) return authorization.refusal
  const { rights } = authorization
  const match = PATH.exec(path)
  if (match === null) {
    const segment = path.split('/').filter(Boolean).at(1) ?? ''
    const message = `Resource not found for the segment '${segment}'.`
    return graphError(400, 'BadRequest', message, context)
  }
  const [, collection = '', appId, objectId, navigation] = match
  const isApplications = collection === 'applications'
  const action = navigation?.slice(1).replace(/^microsoft\.graph\./, '')
  const write = isApplications && isWrite(action) ? action : undefined
  if (request.method !== (write === undefined ? 'GET' : 'POST')) {
    const message = 'Specified HTTP method is not allowed for the request target.'
    return graphError(405, 'Request_BadRequest', message, context)
  }
  const find = isApplications ? findApplication : findServicePrincipal
  const model = tenant.state()
  const all = () => (isApplications ? listApplications(model) : listServicePrincipals(model))
  const reader = { ...surroundings, url: request.url, collection }

  if (appId === undefined && objectId === undefined) {
    if (!rights.readsAny) return forbidden(context)
    return answerList(
      all().filter((entity) => rights.mayRead(entity.appId)),
      reader,
    )
  }
  const entity = appId === undefined ? all().find(({ id }) => id === objectId) : find(model, appId)
  const isStranger = !rights.readsAny && write === undefined
  if (isStranger) return forbidden(context)
  if (entity === undefined) return resourceNotFound(appId ?? objectId ?? '', context)
  if (write !== undefined) {
    const clientId = entity.appId
    return writeCredential({ action: write, clientId, rights, body: request.body }, surroundings)
  }
  if (!rights.mayRead(entity.appId)) return forbidden(context)
  if (navigation === undefined) return answerOne(entity, reader)
  if (navigation === '/appRoleAssignments' && !isApplications) {
    const value = listAppRoleAssignments(model, entity.appId)
    const metadata = `${surroundings.graphUrl}/v1.0/$metadata#appRoleAssignments`
    return graphAnswer(200, { '@odata.context': metadata, value }, context)
  }
  const message = `Resource not found for the segment '${navigation.slice(1)}'.`
  return graphError(400, 'BadRequest', message, context)
}

interface Reader extends GraphSurroundings {
  url: URL
  collection: string
}

function answerOne(entity: Entity, reader: Reader): GraphAnswer {
  const { context, url } = reader
  const properties = readSelect(url.searchParams)
  const shown = select(entity, properties, typeOf(reader))
  if (isProblem(shown)) return graphError(400, shown.code, shown.message, context)
  const metadata = `${metadataOf(reader, properties)}/$entity`
  return graphAnswer(200, { '@odata.context': metadata, ...shown }, context)
}

function answerList(entities: readonly Entity[], reader: Reader): GraphAnswer {
  const { context, url } = reader
  const properties = readSelect(url.searchParams)
  const filter = readFilter(url.searchParams)
  if (filter !== undefined && isProblem(filter)) {
    return graphError(400, filter.code, filter.message, context)
  }
  const value: object[] = []
  for (const entity of entities.filter(filter ?? (() => true)).slice(0, PAGE_SIZE)) {
    const shown = select(entity, properties, typeOf(reader))
    if (isProblem(shown)) return graphError(400, shown.code, shown.message, context)
    value.push(shown)
  }
  return graphAnswer(200, { '@odata.context': metadataOf(reader, properties), value }, context)
}

function metadataOf(reader: Reader, properties: readonly string[] | undefined): string {
  const selected = properties === undefined ? '' : `(${properties.join(',')})`
  return `${reader.graphUrl}/v1.0/$metadata#${reader.collection}${selected}`
}

/** `application`, `servicePrincipal` */
function typeOf(reader: Reader): string {
  return reader.collection.slice(0, -1)
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

import { randomInt } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { DAY_MS, parseInstant, SECOND_MS, toDate, toIso } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'
import { type ApplicationModel, findEntry, type TenantModel } from '../model.ts'
import type { Tenant } from '../tenant.ts'
import { readCertificate } from '../x509.ts'
import {
  badRequest,
  forbidden,
  type GraphAnswer,
  type GraphContext,
  graphAnswer,
  graphError,
  resourceNotFound,
} from './answers.ts'
import type { Rights } from './authorize.ts'
import { toKeyCredential, toPasswordCredential } from './credentials.ts'
import { refuseProof } from './proof.ts'

export type CredentialWrite = 'addPassword' | 'removePassword' | 'addKey' | 'removeKey'

export function isWrite(action: string | undefined): action is CredentialWrite {
  return WRITES.some((name) => name === action)
}

export interface WriteRequest {
  action: CredentialWrite
  clientId: string
  rights: Rights
  body: string
}

const WRITES = ['addPassword', 'removePassword', 'addKey', 'removeKey'] as const
/** The tenant's app management policy. */
const POLICY_ID = 'f3f2a9a7-4a0a-4c53-9ad3-6b5c1f0e2d48'

const TextOrNull = Type.Optional(Type.Union([Type.String(), Type.Null()]))
/** Members that Graph ignores may stand beside these. */
const WriteBody = Type.Object({
  passwordCredential: Type.Optional(
    Type.Union([
      Type.Object({
        displayName: TextOrNull,
        startDateTime: TextOrNull,
        endDateTime: TextOrNull,
      }),
      Type.Null(),
    ]),
  ),
  keyCredential: Type.Optional(
    Type.Object({
      displayName: TextOrNull,
      type: Type.String(),
      usage: Type.String(),
      key: Type.String(),
    }),
  ),
  keyId: Type.Optional(Type.String()),
  proof: Type.Optional(Type.String()),
})
type WriteBody = Static<typeof WriteBody>

interface Change {
  tenant: Tenant
  graphUrl: string
  context: GraphContext
  model: TenantModel
  /** As the model's map names it. */
  clientId: string
  app: ApplicationModel
  body: WriteBody
}

/**
 * Adds or removes a secret or certificate. addKey and removeKey ask for no permission when an application changes itself: the proof
 * speaks for it. https://learn.microsoft.com/graph/api/application-addkey
 */
export function writeCredential(
  request: WriteRequest,
  deps: { tenant: Tenant; graphUrl: string; context: GraphContext },
): GraphAnswer {
  const { action, clientId, rights } = request
  const { tenant, context } = deps
  const byProof = action === 'addKey' || action === 'removeKey'
  const mayWrite = rights.mayWrite(clientId) || (byProof && rights.isSelf(clientId))
  if (!mayWrite) return forbidden(context)
  const model = tenant.state()
  const app = findEntry(model.apps, clientId)
  if (app === undefined) return resourceNotFound(clientId, context)
  const body = parseBody(request.body)
  if (body === undefined) {
    const message =
      'Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.'
    return graphError(400, 'BadRequest', message, context)
  }
  const key = Object.keys(model.apps).find((name) => model.apps[name] === app) ?? clientId
  const change: Change = { ...deps, model, clientId: key, app, body }
  if (byProof) {
    const refusal = refuseProof(body.proof ?? '', { app, clientId, model, context })
    if (refusal !== undefined) return refusal
  }
  switch (action) {
    case 'addPassword':
      return addPassword(change)
    case 'addKey':
      return addKey(change)
    case 'removePassword':
      return remove(change, 'secrets')
    case 'removeKey':
      return remove(change, 'certificates')
  }
}

function addPassword(change: Change): GraphAnswer {
  const { context, model, body } = change
  const { policy } = model.graph
  if (!policy.passwordAddition) return typeNotAllowed(context)
  const given = body.passwordCredential
  const startsAt = given?.startDateTime ? parseInstant(given.startDateTime) : context.nowMs
  const endsAt = given?.endDateTime ? parseInstant(given.endDateTime) : twoYearsAfter(startsAt ?? 0)
  if (startsAt === undefined || endsAt === undefined || endsAt <= startsAt) {
    return badRequest(
      "Invalid value specified for property 'endDateTime' of resource 'PasswordCredential'.",
      context,
    )
  }
  if (isTooLong(endsAt - startsAt, policy.maxPasswordLifetimeDays)) return tooLong(context)
  const secret = {
    value: createSecretText(),
    displayName: given?.displayName ?? '',
    startDateTime: toIso(startsAt),
    endDateTime: toIso(endsAt),
    effectiveAt: effectiveAt(change),
  }
  const keyId = newId()
  settle(change, { secrets: { [keyId]: secret } })
  const shown = { ...toPasswordCredential(keyId, secret), secretText: secret.value }
  return graphAnswer(200, { ...metadata(change, 'passwordCredential'), ...shown }, context)
}

function addKey(change: Change): GraphAnswer {
  const { context, model, body } = change
  const { key = '', type, usage, displayName } = body.keyCredential ?? {}
  const certificate = readCertificate(key)
  if (certificate === undefined || type !== 'AsymmetricX509Cert' || usage !== 'Verify') {
    const message = 'Invalid credential value. Error: Cannot find the requested object.\r\n'
    return badRequest(message, context)
  }
  const lifetimeMs = certificate.endsAt - certificate.startsAt
  if (isTooLong(lifetimeMs, model.graph.policy.maxKeyLifetimeDays)) return tooLong(context)
  const added = {
    certificate: key,
    displayName: displayName ?? '',
    startDateTime: toIso(certificate.startsAt),
    endDateTime: toIso(certificate.endsAt),
    effectiveAt: effectiveAt(change),
  }
  const keyId = newId()
  settle(change, { certificates: { [keyId]: added } })
  const shown = toKeyCredential(keyId, added)
  return graphAnswer(200, { ...metadata(change, 'keyCredential'), ...shown }, context)
}

function remove(change: Change, kind: 'secrets' | 'certificates'): GraphAnswer {
  const { app, body, context } = change
  const wanted = body.keyId?.toLowerCase()
  const keyId = Object.keys(app[kind]).find((name) => name.toLowerCase() === wanted)
  if (keyId === undefined) return badRequest('No credentials found to be removed.', context)
  settle(change, { [kind]: { [keyId]: null } })
  return graphAnswer(204, undefined, context)
}

function settle({ tenant, clientId }: Change, change: object): void {
  tenant.settle({ apps: { [clientId]: change } })
  tenant.counters.graphWrites += 1
}

function metadata({ graphUrl }: Change, type: string): object {
  return { '@odata.context': `${graphUrl}/v1.0/$metadata#microsoft.graph.${type}` }
}

function effectiveAt({ model, context }: Change): string {
  return toIso(context.nowMs + model.graph.replicationSeconds * SECOND_MS)
}

function isTooLong(lifetimeMs: number, maximumDays: number | null): boolean {
  return maximumDays !== null && lifetimeMs > maximumDays * DAY_MS
}

function tooLong(context: GraphContext): GraphAnswer {
  const message = `Credential lifetime exceeds the max value allowed as per assigned policy '${POLICY_ID}'.`
  return graphError(400, 'CredentialInvalidLifetimeAsPerAppPolicy', message, context)
}

function typeNotAllowed(context: GraphContext): GraphAnswer {
  const message = `Credential type not allowed as per assigned policy '${POLICY_ID}'.`
  return graphError(400, 'CredentialTypeNotAllowedAsPerAppPolicy', message, context)
}

function twoYearsAfter(at: number): number {
  const end = toDate(at)
  return end.setUTCFullYear(end.getUTCFullYear() + 2)
}

const SECRET_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Forty characters; the mark in the middle is how scanners recognise Entra's secrets. */
function createSecretText(): string {
  const take = (count: number, from: string) =>
    Array.from({ length: count }, () => from[randomInt(from.length)]).join('')
  return `${take(3, SECRET_CHARACTERS)}8Q~${take(34, `${SECRET_CHARACTERS}.~_-`)}`
}

function parseBody(text: string): WriteBody | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return Value.Check(WriteBody, body) ? body : undefined
  } catch {
    return undefined
  }
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifySchemaCompiler } from 'fastify'
import { type TSchema, Type } from 'typebox'
import { Diagnosis } from '../diagnosis/api.ts'
import { actorOf, Problem } from '../http/api.ts'
import { toIso } from '../platform/clock.ts'
import { ProfileId } from '../profiles/api.ts'
import { type Profiles, toVersionView } from '../profiles/index.ts'
import { CredentialList, NewCredential, type RenewalState } from './api.ts'
import type { GraphExpiry } from './graph-expiry.ts'
import { readNewCredential } from './new-credential.ts'
import type { CredentialRenewal } from './renewal.ts'
import type { RenewalEntry } from './renewal-journal.ts'
import type { CredentialStaging } from './staging.ts'

export const CREDENTIALS_TAG = {
  name: 'credentials',
  description: 'New secrets and certificates: proven first, then used',
}

const tags = [CREDENTIALS_TAG.name]
const params = Type.Object({ id: ProfileId }, { additionalProperties: false })
const Refused = Type.Object({ ...Problem.properties, diagnosis: Type.Optional(Diagnosis) })

/** The body is checked by the feature itself, which tells every problem in plain words. */
const leaveToFeature: FastifySchemaCompiler<TSchema> = () => (value) => ({ value })

function toRenewalState(entry: RenewalEntry | undefined): RenewalState | null {
  if (entry === undefined) return null
  const { step, startedAt, updatedAt, error } = entry
  return { step, startedAt: toIso(startedAt), updatedAt: toIso(updatedAt), error }
}

/** Routes below the API's prefix. */
export function credentialRoutes(deps: {
  profiles: Pick<Profiles, 'credentials'>
  staging: CredentialStaging
  renewal: Pick<CredentialRenewal, 'latest'>
  graphExpiry: Pick<GraphExpiry, 'findingOf'>
}): FastifyPluginAsyncTypebox {
  const { profiles, staging, renewal, graphExpiry } = deps
  const listOf = async (id: string): Promise<CredentialList> => ({
    credentials: profiles.credentials(id).map(toVersionView),
    proof: staging.proofOf(id),
    renewal: toRenewalState(await renewal.latest(id)),
    graph: graphExpiry.findingOf(id) ?? null,
  })
  return async (app) => {
    app.get(
      '/profiles/:id/credential',
      {
        config: { permission: 'monitor' },
        schema: {
          tags,
          summary: 'List the credentials of a profile',
          description: 'The one in use, the one that is being proven and the fallback; no secret.',
          params,
          response: { 200: CredentialList },
        },
      },
      async (request) => listOf(request.params.id),
    )

    app.put(
      '/profiles/:id/credential',
      {
        config: { permission: 'operator' },
        validatorCompiler: leaveToFeature,
        schema: {
          tags,
          summary: 'Exchange the credential of a profile',
          description:
            'The new client secret or certificate is staged and proven (token, permission, login and, with `sendTo`, one message); only then it is used, and the former one stays as fallback until its end. When Microsoft takes longer than some seconds to know it, the answer is 202 and the proof goes on. The profile’s ETag does not matter here and changes when the new credential is in use.',
          params,
          body: NewCredential,
          response: {
            200: Type.Object(CredentialList.properties, { description: 'It is in use' }),
            202: Type.Object(CredentialList.properties, {
              description: 'Nothing is decided yet; the former one stays in use meanwhile',
            }),
            422: {
              description:
                'credential_refused: the diagnosis says why; the former one stays in use',
              content: { 'application/problem+json': { schema: Refused } },
            },
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const input = readNewCredential(request.body)
        const isActive = await staging.put(id, input, actorOf(request))
        reply.code(isActive ? 200 : 202)
        return listOf(id)
      },
    )
  }
}

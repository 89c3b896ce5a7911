import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifySchemaCompiler } from 'fastify'
import { type TSchema, Type } from 'typebox'
import { actorOf, etagOf, IfMatchHeaders, versionFromIfMatch } from '../http/api.ts'
import { ProfileInput, ProfileView } from './api.ts'
import type { Profiles } from './profile.ts'
import { toView } from './view.ts'

export const PROFILES_TAG = {
  name: 'profiles',
  description: 'Email settings: sender, server and authentication',
}

const closed = { additionalProperties: false }
const tags = [PROFILES_TAG.name]
const reading = { permission: 'monitor' } as const
const writing = { permission: 'operator' } as const

const params = Type.Object({ id: Type.String({ description: 'Id of the profile' }) }, closed)

/**
 * The profiles check their input themselves and tell form and meaning in one answer, so the schema here documents the
 * body and does not judge it.
 */
const leaveToProfiles: FastifySchemaCompiler<TSchema> = () => (value) => ({ value })

export function profileRoutes(deps: { profiles: Profiles }): FastifyPluginAsyncTypebox {
  const { profiles } = deps
  return async (app) => {
    app.get(
      '/profiles',
      {
        config: reading,
        schema: {
          tags,
          summary: 'List the profiles',
          description: 'In the order of their ids; without any secret.',
          response: { 200: Type.Object({ profiles: Type.Array(ProfileView) }, closed) },
        },
      },
      async () => ({ profiles: profiles.list().map(toView) }),
    )

    app.post(
      '/profiles',
      {
        config: writing,
        validatorCompiler: leaveToProfiles,
        schema: {
          tags,
          summary: 'Create a profile',
          description: 'It is verified at once. Secrets are write-only.',
          body: ProfileInput,
          response: { 201: ProfileView },
        },
      },
      async (request, reply) => {
        const profile = await profiles.create(request.body, actorOf(request))
        reply
          .code(201)
          .header('location', `${request.url.split('?')[0]}/${profile.id}`)
          .header('etag', etagOf(profile.version))
        return toView(profile)
      },
    )

    app.get(
      '/profiles/:id',
      {
        config: reading,
        schema: {
          tags,
          summary: 'Read a profile',
          description: 'The ETag of the answer is needed to change the profile.',
          params,
          response: { 200: ProfileView },
        },
      },
      async (request, reply) => {
        const profile = profiles.get(request.params.id)
        reply.header('etag', etagOf(profile.version))
        return toView(profile)
      },
    )

    app.put(
      '/profiles/:id',
      {
        config: writing,
        validatorCompiler: leaveToProfiles,
        schema: {
          tags,
          summary: 'Replace a profile',
          description:
            'Leave the secret out to keep the stored one; it is asked for again when host, cloud, tenant, client ID or the kind of authentication change. Verified at once.',
          params,
          headers: IfMatchHeaders,
          body: ProfileInput,
          response: { 200: ProfileView },
        },
      },
      async (request, reply) => {
        const profile = await profiles.replace(request.params.id, request.body, {
          version: versionFromIfMatch(request.headers['if-match']),
          actor: actorOf(request),
        })
        reply.header('etag', etagOf(profile.version))
        return toView(profile)
      },
    )

    app.delete(
      '/profiles/:id',
      {
        config: writing,
        schema: {
          tags,
          summary: 'Remove a profile',
          description: 'With its secret, reports and alerts.',
          params,
          headers: IfMatchHeaders,
          response: { 204: Type.Null({ description: 'Removed' }) },
        },
      },
      async (request, reply) => {
        await profiles.remove(request.params.id, {
          version: versionFromIfMatch(request.headers['if-match']),
          actor: actorOf(request),
        })
        return reply.code(204).send(null)
      },
    )
  }
}

import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Audit } from '../access/index.ts'
import { actorOf, Problem, principalOf } from '../http/api.ts'
import type { Clock } from '../platform/clock.ts'
import type { Profiles } from '../profiles/index.ts'
import { MessageDetailView, MessageView } from './api.ts'
import { ListQuery, readFilter } from './list-query.ts'
import type { MessageDetail } from './message.ts'
import type { Outbox } from './outbox.ts'
import { messageBodyGone, messageNotFound } from './refusals.ts'
import { clientOf, sendRoutes } from './send-routes.ts'
import { toDetailView, toMessageView } from './view.ts'

export const MESSAGES_TAG = {
  name: 'messages',
  description: 'Sending, and the mail that was accepted: what became of it, and why',
}

export interface OutboxRoutesDeps {
  outbox: Outbox
  profiles: Pick<Profiles, 'list' | 'get' | 'find'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  /** Aborted when the agent can wait no longer. */
  stop?: AbortSignal | undefined
  /** Largest message that is accepted. */
  limitBytes?: number | undefined
}

const closed = { additionalProperties: false }
const tags = [MESSAGES_TAG.name]
const sending = { permission: 'send' } as const
const operating = { permission: 'operator' } as const
const params = Type.Object({ id: Type.String({ description: 'Id of the message' }) }, closed)
const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: Problem } },
})

/** A token with the scope send alone sees and changes what was handed in with it, and nothing else. */
export function outboxRoutes(deps: OutboxRoutesDeps): FastifyPluginAsyncTypebox {
  const { outbox, profiles, audit } = deps

  const viewOf = (detail: MessageDetail) =>
    toDetailView(detail, outbox.holdsOf(detail.message.profileId))

  const getOwn = async (request: FastifyRequest, id: string): Promise<MessageDetail> => {
    const detail = await outbox.get(id)
    if (mayAll(request) || detail.message.client === clientOf(request)) return detail
    // The same words as for an id that does not exist, so that ids cannot be tried out.
    throw messageNotFound(id)
  }

  return async (app) => {
    await app.register(sendRoutes({ ...deps, tags }))

    app.get(
      '/messages',
      {
        config: sending,
        schema: {
          tags,
          summary: 'List the messages',
          description:
            'Newest first. For the next page, pass `nextCursor` as `cursor`. With the scope send alone: those that were handed in with this token.',
          querystring: ListQuery,
          response: {
            200: Type.Object(
              {
                messages: Type.Array(MessageView),
                nextCursor: Type.Union([Type.String(), Type.Null()], {
                  description: 'null: there is nothing older',
                }),
              },
              closed,
            ),
          },
        },
      },
      async (request) => {
        const { limit, cursor, ...query } = request.query
        const filter = readFilter(query)
        const client = mayAll(request) ? filter.client : clientOf(request)
        const page = await outbox.list({ ...filter, client }, { limit, cursor })
        const messages = page.messages.map((message) =>
          toMessageView(message, outbox.holdsOf(message.profileId)),
        )
        return { messages, nextCursor: page.nextCursor }
      },
    )

    app.get(
      '/messages/:id',
      {
        config: sending,
        schema: {
          tags,
          summary: 'Read a message',
          description: 'With every recipient, every attempt and the server’s answers, verbatim.',
          params,
          response: { 200: MessageDetailView },
        },
      },
      async (request) => viewOf(await getOwn(request, request.params.id)),
    )

    app.get(
      '/messages/:id/body',
      {
        config: operating,
        schema: {
          tags,
          summary: 'Read the bytes of a message',
          description: 'As they were accepted. Reading them is recorded.',
          params,
          response: {
            200: {
              description: 'The message',
              content: { 'message/rfc822': { schema: Type.Unknown() } },
            },
            409: problem('message_body_gone: its bytes are not kept any more'),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const body = await outbox.body(id)
        if (body === undefined) throw messageBodyGone(id)
        const target = { type: 'message', id }
        await audit.record({ actor: actorOf(request), action: 'message.read', target })
        return reply
          .header('content-type', 'message/rfc822')
          .header(
            'content-disposition',
            `attachment; filename="${id.replaceAll(/[^\w-]/g, '')}.eml"`,
          )
          .send(Readable.from(body, { objectMode: false }))
      },
    )

    app.post(
      '/messages/:id/retry',
      {
        config: operating,
        schema: {
          tags,
          summary: 'Try a message now',
          description:
            'One that waits, or again one that failed or was cancelled, for the recipients without success. The pace and the holds of the profile still count.',
          params,
          response: {
            200: MessageDetailView,
            409: problem('message_delivered, message_sending, message_body_gone'),
          },
        },
      },
      async (request) => {
        const { id } = request.params
        const message = await outbox.retry(id)
        const target = { type: 'message', id }
        const after = { state: message.state }
        await audit.record({ actor: actorOf(request), action: 'message.retried', target, after })
        return viewOf(await outbox.get(id))
      },
    )

    app.post(
      '/messages/:id/cancel',
      {
        config: sending,
        schema: {
          tags,
          summary: 'Cancel a message that waits',
          description: 'Who handed it in may do it, and operators.',
          params,
          response: {
            200: MessageDetailView,
            409: problem('message_finished, message_sending'),
          },
        },
      },
      async (request) => {
        const { id } = request.params
        await getOwn(request, id)
        const message = await outbox.cancel(id)
        const target = { type: 'message', id }
        const after = { state: message.state }
        await audit.record({ actor: actorOf(request), action: 'message.cancelled', target, after })
        return viewOf(await outbox.get(id))
      },
    )

    app.post(
      '/messages/release',
      {
        config: operating,
        schema: {
          tags,
          summary: 'Try all held mail again',
          description:
            'Ends the holds of one profile, or of all: the mail goes out at the allowed pace. When the reason still exists the first refusal holds it again.',
          body: Type.Object(
            {
              profile: Type.Optional(
                Type.String({ description: 'Id of a profile; absent: every profile' }),
              ),
            },
            closed,
          ),
          response: {
            200: Type.Object({ released: Type.Integer({ description: 'Messages' }) }, closed),
          },
        },
      },
      async (request) => {
        const { profile } = request.body
        const id = profile === undefined ? null : profiles.get(profile).id
        const { released } = await outbox.release(profile)
        await audit.record({
          actor: actorOf(request),
          action: 'outbox.released',
          target: { type: 'outbox', id },
          after: { released },
        })
        return { released }
      },
    )
  }
}

function mayAll(request: FastifyRequest): boolean {
  return principalOf(request).scopes.has('operator')
}

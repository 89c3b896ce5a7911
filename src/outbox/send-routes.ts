import { IncomingMessage } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Problem, principalOf } from '../http/api.ts'
import { SECOND_MS } from '../platform/clock.ts'
import { codeOf, PosternError } from '../platform/errors.ts'
import { JSON_ROOM, MESSAGE_LIMIT_BYTES, MessageInput, MessageReceipt } from './api.ts'
import { chooseProfile } from './compose/choose-profile.ts'
import { messageTooLarge } from './compose/refusals.ts'
import { type Submitted, submitComposed, submitRaw } from './compose/submission.ts'
import type { OutboxRoutesDeps } from './routes.ts'
import { isEnd, toReceipt } from './view.ts'

const RAW_TYPE = 'message/rfc822'
const text = (description: string) => Type.Optional(Type.String({ maxLength: 600, description }))

const SendQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.String({
        pattern: '^([1-9]|[1-5][0-9]|60)s$',
        description: 'Wait so long for the outcome, from 1s to 60s',
        examples: ['10s'],
      }),
    ),
    profile: text('Of a raw message'),
    from: text('Envelope sender of a raw message; default: the sender of the profile'),
    to: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String())], {
        description: 'Recipient of a raw message; once for each',
      }),
    ),
  },
  { additionalProperties: false },
)

const SendHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,255}$',
      description:
        '1 to 255 printable ASCII characters: the same key of the same token within 24 hours is the same message',
    }),
  ),
})

/** Of the caller, in the outbox. */
export function clientOf(request: FastifyRequest): string {
  return `token:${principalOf(request).tokenId}`
}

export function sendRoutes(deps: OutboxRoutesDeps & { tags: string[] }): FastifyPluginAsyncTypebox {
  const { outbox, profiles, tags, stop, limitBytes = MESSAGE_LIMIT_BYTES } = deps
  return async (app) => {
    // Handed over as it arrives: what is read of it, and how much, is the route's decision.
    app.addContentTypeParser(RAW_TYPE, (_request, payload, done) => done(null, payload))

    app.post(
      '/messages',
      {
        config: { permission: 'send' },
        bodyLimit: Math.ceil(limitBytes * JSON_ROOM),
        errorHandler: (error) => {
          throw refusalOf(error, limitBytes)
        },
        schema: {
          tags,
          summary: 'Send a message',
          description:
            'Accepted means stored durably. As JSON, or as finished message (message/rfc822): then the envelope stands in the query string and is never read from the header, a Bcc field is taken out, missing From, Date and Message-ID are added, the subject prefix of the profile is put before the subject unless it stands there, bare line feeds become CR LF, and nothing else is changed; From and Sender must name addresses of the profile. A message has at most 35 MB, or what POSTERN_MESSAGE_MAX_SIZE_MB says. With `wait` the answer is 200 when the message has ended by then, and 202 when it still waits.',
          querystring: SendQuery,
          headers: SendHeaders,
          body: {
            required: true,
            content: {
              'application/json': { schema: MessageInput },
              [RAW_TYPE]: { schema: Type.Unknown() },
            },
          },
          response: {
            200: MessageReceipt,
            202: MessageReceipt,
            409: {
              description:
                'idempotency_key_reused: the key was used with another message in the last 24 hours',
              content: { 'application/problem+json': { schema: Problem } },
            },
          },
        },
      },
      async (request, reply) => {
        const { wait, ...envelope } = request.query
        const submitted = await submit(request, {
          body: request.body,
          envelope,
          idempotencyKey: request.headers['idempotency-key'],
        })
        const self = `${request.url.split('?')[0]}/${submitted.accepted.id}`
        const receipt = await answerTo(submitted, {
          self,
          waitMs: wait === undefined ? 0 : Number.parseInt(wait, 10) * SECOND_MS,
          reply,
        })
        const ended = wait !== undefined && isEnd(receipt.state)
        reply.code(ended ? 200 : 202).header('location', self)
        return receipt
      },
    )
  }

  async function submit(
    request: FastifyRequest,
    given: {
      body: unknown
      envelope: { profile?: string; from?: string; to?: string | string[] }
      idempotencyKey: string | undefined
    },
  ): Promise<Submitted> {
    const { body, envelope, idempotencyKey } = given
    const common = { source: 'api', client: clientOf(request), idempotencyKey } as const
    if (body instanceof IncomingMessage) {
      try {
        if (Number(request.headers['content-length'] ?? 0) > limitBytes) {
          throw messageTooLarge(limitBytes)
        }
        const profile = chooseProfile(profiles, envelope.profile)
        const to = [envelope.to ?? []].flat()
        // The connection must live on for the answer when the rest is not wanted.
        const source = body.iterator({ destroyOnReturn: false })
        return await submitRaw(deps, source, { from: envelope.from, to }, { profile, ...common })
      } catch (error) {
        body.resume()
        throw error
      }
    }
    const [misplaced] = Object.keys(envelope)
    if (misplaced !== undefined) throw belongsInBody(misplaced)
    if (!isMessageInput(body)) throw bodyMissing()
    const profile = chooseProfile(profiles, body.profile)
    return await submitComposed(deps, body, { profile, ...common })
  }

  async function answerTo(
    { accepted, draft }: Submitted,
    options: { self: string; waitMs: number; reply: FastifyReply },
  ): Promise<MessageReceipt> {
    const { self, waitMs, reply } = options
    const { id, acceptedAt, duplicate } = accepted
    const fresh = {
      ...draft,
      id,
      acceptedAt,
      state: 'queued',
      reply: null,
      serverMessageId: null,
      diagnosis: null,
    } as const
    const holds = outbox.holdsOf(draft.profileId)
    try {
      // What waits behind a hold does not end soon.
      if (waitMs > 0 && toReceipt(fresh, holds, { duplicate, self }).state !== 'held') {
        await waitFor(id, waitMs, reply)
      }
      if (waitMs > 0 || duplicate) {
        const { message } = await outbox.get(id)
        return toReceipt(message, outbox.holdsOf(message.profileId), { duplicate, self })
      }
    } catch {
      // It is accepted, whatever became of the look at it: an error would make the caller send it again.
    }
    return toReceipt(fresh, holds, { duplicate, self })
  }

  async function waitFor(id: string, timeoutMs: number, reply: FastifyReply): Promise<void> {
    const gone = new AbortController()
    const leave = () => gone.abort()
    const { raw } = reply
    raw.once('close', leave)
    stop?.addEventListener('abort', leave, { once: true })
    if (stop?.aborted) leave()
    try {
      await outbox.outcome(id, { timeoutMs, signal: gone.signal })
    } finally {
      raw.off('close', leave)
      stop?.removeEventListener('abort', leave)
    }
  }
}

let messageInput: Validator | undefined

/** The server has checked a body; it lets pass that there is none. */
function isMessageInput(body: unknown): body is MessageInput {
  messageInput ??= Compile(MessageInput)
  return messageInput.Check(body)
}

function belongsInBody(field: string): PosternError {
  const message = `${field} in the query string is for raw messages (message/rfc822): name it in the JSON body.`
  return new PosternError(message, {
    kind: 'invalid',
    code: 'input_invalid',
    problems: [{ field, message }],
  })
}

const BOTH_FORMS =
  'Send a JSON object with Content-Type: application/json, or a finished message with Content-Type: message/rfc822.'

/** The server’s own words know nothing of the second form, nor of the size of a message. */
function refusalOf(error: unknown, limitBytes: number): unknown {
  switch (codeOf(error)) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new PosternError(`This content type is not accepted here. ${BOTH_FORMS}`, {
        kind: 'invalid',
        code: 'media_type_unsupported',
      })
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return bodyMissing()
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return messageTooLarge(limitBytes)
    default:
      return error
  }
}

function bodyMissing(): PosternError {
  return new PosternError(`The body is missing. ${BOTH_FORMS}`, {
    kind: 'invalid',
    code: 'body_missing',
  })
}

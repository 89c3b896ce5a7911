import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Diagnosis } from '../diagnosis/api.ts'
import { Problem } from '../http/api.ts'
import { parseInstant } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import { ProfileId } from '../profiles/api.ts'
import { Report, ReportPage, TestEmailInput, TestEmailOutcome, VerifyInput } from './api.ts'
import type { TestEmail } from './test-email.ts'
import type { Verification } from './verification.ts'

export const VERIFICATION_TAG = {
  name: 'verification',
  description: 'Proof that a profile’s settings work, and the reports of it',
}

const closed = { additionalProperties: false }
const MOST_REPORTS = 100
const tags = [VERIFICATION_TAG.name]
/** What a failed test email answers. */
const NotSent = Type.Object({ ...Problem.properties, diagnosis: Type.Optional(Diagnosis) })
const params = Type.Object({ id: ProfileId }, closed)

/** Routes below the API's prefix. */
export function verificationRoutes(deps: {
  verification: Verification
  testEmail: TestEmail
}): FastifyPluginAsyncTypebox {
  const { verification, testEmail } = deps
  return async (app) => {
    app.post(
      '/profiles/:id/verify',
      {
        config: { permission: 'operator' },
        schema: {
          tags,
          summary: 'Verify a profile now',
          description:
            'Runs every check and answers with the report when it is done; a failed check is a good answer, too. A verification of the profile that is under way is shared. With `sendTo` a real message is handed over.',
          params,
          body: Type.Union([VerifyInput, Type.Null()]),
          response: { 200: Report },
        },
      },
      async (request) => {
        const { sendTo } = request.body ?? {}
        return verification.verify(request.params.id, { reason: 'requested', sendTo })
      },
    )

    app.get(
      '/profiles/:id/reports',
      {
        config: { permission: 'monitor' },
        schema: {
          tags,
          summary: 'List the reports of a profile',
          description: 'Newest first. For the next page, pass `nextBefore` as `before`.',
          params,
          querystring: Type.Object(
            {
              limit: Type.Integer({ minimum: 1, maximum: MOST_REPORTS, default: 20 }),
              before: Type.Optional(
                Type.String({ description: 'Only reports that began before this instant' }),
              ),
            },
            closed,
          ),
          response: { 200: ReportPage },
        },
      },
      async (request) => {
        const { limit, before } = request.query
        const reports = await verification.reports(request.params.id, {
          limit,
          before: before === undefined ? undefined : readInstant(before),
        })
        const last = reports.length === limit ? reports.at(-1) : undefined
        return { reports: [...reports], nextBefore: last?.startedAt ?? null }
      },
    )

    app.get(
      '/reports/:id',
      {
        config: { permission: 'monitor' },
        schema: {
          tags,
          summary: 'Read a report',
          params: Type.Object({ id: Type.String({ description: 'Id of the report' }) }, closed),
          response: { 200: Report },
        },
      },
      async (request) => verification.report(request.params.id),
    )

    app.post(
      '/profiles/:id/test-email',
      {
        // Operators hold this scope, too.
        config: { permission: 'send' },
        schema: {
          tags,
          summary: 'Send a test email',
          description: 'Waits for the server’s answer: success, or the diagnosis.',
          params,
          body: TestEmailInput,
          response: {
            200: TestEmailOutcome,
            503: {
              description: 'test_email_failed: the diagnosis says why and what to do',
              content: { 'application/problem+json': { schema: NotSent } },
            },
          },
        },
      },
      async (request) => testEmail.send(request.params.id, request.body.to),
    )
  }
}

function readInstant(text: string): number {
  const at = parseInstant(text)
  if (at !== undefined) return at
  const message = '“before” must be an instant such as 2026-11-23T10:42:00Z.'
  throw new PosternError(`The query string is not valid: ${message}`, {
    kind: 'invalid',
    code: 'input_invalid',
    problems: [{ field: 'before', message }],
  })
}

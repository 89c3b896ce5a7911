import { expect, test } from 'vitest'
import { healthRoutes, type Readiness } from '../../../src/http/index.ts'
import { createTestServer } from '../../support/http.ts'

function serve(readiness: Readiness) {
  return createTestServer({ rootRoutes: [healthRoutes({ ready: () => readiness })] })
}

test('livez answers as long as the process does', async () => {
  await using server = serve({ ready: false, problems: [] })
  const answer = await server.app.inject('/livez')
  expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'ok' }])
})

test('readyz answers 200 when the agent can do its work', async () => {
  await using server = serve({ ready: true, problems: [] })
  const answer = await server.app.inject('/readyz')
  expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'ready' }])
})

test('readyz answers 503 with the reasons when it cannot', async () => {
  await using server = serve({ ready: false, problems: ['The database is locked.'] })
  const answer = await server.app.inject('/readyz')
  expect(answer.statusCode).toBe(503)
  expect(answer.json()).toMatchObject({
    code: 'not_ready',
    detail: 'Postern is not ready. The database is locked.',
  })
})

test('the front door leads to the reference', async () => {
  await using server = serve({ ready: true, problems: [] })
  const answer = await server.app.inject('/')
  expect([answer.statusCode, answer.headers.location]).toEqual([302, '/docs'])
})

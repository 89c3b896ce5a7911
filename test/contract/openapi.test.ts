import { expect, test } from 'vitest'
import { startAgent } from '../support/agent.ts'
import { expectGolden } from '../support/golden.ts'

test('the OpenAPI document is the one that other programs rely on', async () => {
  await using running = await startAgent()
  const { status, body } = await running.call('GET', '/api/v1/openapi.json')
  expect(status).toBe(200)
  expectGolden('test/contract/golden/openapi.json', `${JSON.stringify(body, null, 2)}\n`)
})

test('every operation names its permission, a summary, a tag and its success answer', async () => {
  await using running = await startAgent()
  const { body } = await running.call('GET', '/api/v1/openapi.json')
  const paths: Record<string, Record<string, Operation>> = body.paths
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method} ${path}`,
      operation,
    })),
  )
  expect(operations.length).toBeGreaterThan(20)
  for (const { name, operation } of operations) {
    expect(operation['x-permission'], name).toMatch(/^(public|monitor|send|operator|admin)$/)
    expect(operation.summary, name).toBeTruthy()
    expect(operation.tags, name).toHaveLength(1)
    expect(
      Object.keys(operation.responses).some((code) => code.startsWith('2')),
      name,
    ).toBe(true)
  }
})

interface Operation {
  'x-permission'?: string
  summary?: string
  tags?: string[]
  responses: Record<string, unknown>
}

test('the paths of this version are there', async () => {
  await using running = await startAgent()
  const { body } = await running.call('GET', '/api/v1/openapi.json')
  const operations = Object.entries<Record<string, unknown>>(body.paths).flatMap(
    ([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(operations.sort()).toEqual(
    [
      'GET /livez',
      'GET /readyz',
      'GET /metrics',
      'GET /api/v1/status',
      'GET /api/v1/profiles',
      'POST /api/v1/profiles',
      'GET /api/v1/profiles/{id}',
      'PUT /api/v1/profiles/{id}',
      'DELETE /api/v1/profiles/{id}',
      'GET /api/v1/profiles/{id}/credential',
      'PUT /api/v1/profiles/{id}/credential',
      'POST /api/v1/profiles/{id}/verify',
      'GET /api/v1/profiles/{id}/reports',
      'GET /api/v1/reports/{id}',
      'POST /api/v1/profiles/{id}/test-email',
      'GET /api/v1/profiles/{id}/setup',
      'GET /api/v1/profiles/{id}/setup/script',
      'POST /api/v1/messages',
      'GET /api/v1/messages',
      'GET /api/v1/messages/{id}',
      'GET /api/v1/messages/{id}/body',
      'POST /api/v1/messages/{id}/retry',
      'POST /api/v1/messages/{id}/cancel',
      'POST /api/v1/messages/release',
      'GET /api/v1/relay-clients',
      'POST /api/v1/relay-clients',
      'GET /api/v1/relay-clients/{id}',
      'PUT /api/v1/relay-clients/{id}',
      'DELETE /api/v1/relay-clients/{id}',
      'GET /api/v1/alerts',
      'GET /api/v1/alerts/{id}',
      'POST /api/v1/alerts/{id}/acknowledge',
      'POST /api/v1/alerts/{id}/silence',
      'DELETE /api/v1/alerts/{id}/silence',
      'GET /api/v1/tokens',
      'POST /api/v1/tokens',
      'DELETE /api/v1/tokens/{id}',
      'GET /api/v1/audit',
      'GET /api/v1/sync',
    ].sort(),
  )
})

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { IfMatchHeaders, OPENAPI_PATH } from '../../../src/http/index.ts'
import { createTestServer } from '../../support/http.ts'

const Thing = Type.Object({
  id: Type.String(),
  kind: Type.Enum(['a', 'b']),
  note: Type.Union([Type.String(), Type.Null()]),
})

const things: FastifyPluginAsyncTypebox = async (app) => {
  app.put(
    '/things/:id/parts',
    {
      config: { permission: 'operator' },
      schema: {
        summary: 'Save a thing',
        description: 'Saves it.',
        params: Type.Object({ id: Type.String({ description: 'Its id' }) }),
        headers: IfMatchHeaders,
        body: Thing,
        response: { 200: Thing, 409: Type.Object({}, { description: 'My own words' }) },
      },
    },
    async ({ body }) => body,
  )
  app.get('/open', { config: { permission: 'public' }, schema: { summary: 'x' } }, async () => ({}))
}

async function document() {
  await using server = createTestServer({ routes: [things], openApi: true })
  const answer = await server.app.inject(OPENAPI_PATH)
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
  return answer.json()
}

test('the document is OpenAPI 3.1 and needs no token', async () => {
  expect(await document()).toMatchObject({
    openapi: '3.1.0',
    info: { title: 'Postern', version: '1.2.3' },
    servers: [{ url: '/' }],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  })
})

test('every operation has an id of its own, its permission and its problems', async () => {
  const { paths } = await document()
  expect(Object.keys(paths)).toEqual(['/api/v1/things/{id}/parts', '/api/v1/open'])
  const put = paths['/api/v1/things/{id}/parts'].put
  expect(put).toMatchObject({
    operationId: 'putThingsByIdParts',
    summary: 'Save a thing',
    description: 'Saves it.\n\nNeeds a token with the scope `operator`.',
    'x-permission': 'operator',
    security: [{ token: [] }],
  })
  expect(Object.keys(put.responses)).toEqual([
    '200',
    '400',
    '401',
    '403',
    '404',
    '409',
    '412',
    '413',
    '415',
    '428',
    '429',
    '500',
  ])
  expect(put.responses['409'].description).toBe('My own words')
  expect(put.responses['401'].content).toEqual({
    'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
  })
  const open = paths['/api/v1/open'].get
  expect(open).toMatchObject({ security: [], 'x-permission': 'public' })
  expect(Object.keys(open.responses)).toEqual(['500'])
})

test('parameters are declared, and references lead somewhere', async () => {
  const whole = await document()
  const put = whole.paths['/api/v1/things/{id}/parts'].put
  expect(put.parameters).toMatchObject([
    { in: 'path', name: 'id', required: true },
    { in: 'header', name: 'if-match', required: false },
  ])
  const references = [...JSON.stringify(whole).matchAll(/"\$ref":"([^"]+)"/g)]
  expect(references.length).toBeGreaterThan(0)
  for (const [, reference = ''] of references) {
    const target = reference
      .replace('#/', '')
      .split('/')
      .reduce((node, key) => node?.[key], whole)
    expect(target, reference).toBeDefined()
  }
})

test('a server that is not told its address refers to itself', async () => {
  await using server = createTestServer({ openApi: true })
  expect((await server.app.inject(OPENAPI_PATH)).json().servers).toEqual([{ url: '/' }])
})

test('the reference page and all it loads come from this server', async () => {
  await using server = createTestServer({ routes: [things], openApi: true })
  const page = await server.app.inject('/docs')
  expect(page.statusCode).toBe(200)
  const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url = '']) => url)
  expect(assets.length).toBeGreaterThan(3)
  for (const url of assets) {
    expect(url).toMatch(/^\/docs\/static\//)
    expect((await server.app.inject(url)).statusCode, url).toBe(200)
  }
  expect(page.body).not.toMatch(/<script>|<style|style=|onload=/)
})

test('the page may load nothing from elsewhere and run no script of its own lines', async () => {
  await using server = createTestServer({ openApi: true })
  const { headers } = await server.app.inject('/docs')
  const policy = String(headers['content-security-policy'])
  expect(policy).toContain("default-src 'self'")
  expect(policy).not.toMatch(/unsafe|https?:|\*|upgrade-insecure-requests/)
  expect(headers['x-content-type-options']).toBe('nosniff')
})

test('the page’s assets cannot be left by a path', async () => {
  await using server = createTestServer({ openApi: true })
  for (const url of ['/docs/static/..%2f..%2fpackage.json', '/docs/static/../../package.json']) {
    expect((await server.app.inject(url)).statusCode).toBeGreaterThanOrEqual(400)
  }
})

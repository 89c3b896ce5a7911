import { connect } from 'node:net'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { actorOf, principalOf } from '../../../src/http/index.ts'
import { PosternError } from '../../../src/platform/errors.ts'
import { ALL_SCOPES, createTestServer } from '../../support/http.ts'

const SECRET = 'Wq8~very-secret-value'

const closed = { additionalProperties: false }
const Thing = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    server: Type.Object({ port: Type.Integer({ minimum: 1, maximum: 65535 }) }, closed),
  },
  closed,
)

const things: FastifyPluginAsyncTypebox = async (app) => {
  const config = { permission: 'operator' } as const
  app.post('/things', { config, schema: { body: Thing } }, async ({ body }) => body)
  app.get(
    '/things',
    {
      config,
      schema: {
        querystring: Type.Object(
          {
            limit: Type.Integer({ default: 50, maximum: 100 }),
            deep: Type.Optional(Type.Boolean()),
          },
          closed,
        ),
      },
    },
    async ({ query }) => query,
  )
  app.get('/things/:id', { config }, async ({ params }) => params)
  app.get('/who', { config }, async (request) => ({
    actor: actorOf(request),
    scopes: [...principalOf(request).scopes],
  }))
  app.get('/open', { config: { permission: 'public' } }, async () => ({ open: true }))
  app.get('/defect', { config }, async () => {
    throw new TypeError(`cannot read ${SECRET}`)
  })
  app.get('/refused', { config }, async () => {
    throw new PosternError('The tenant refused.', {
      kind: 'unavailable',
      code: 'tenant_refused',
      details: { diagnosis: { code: 'x' }, status: 200 },
      fields: { host: 'smtp.example' },
      retryAfterMs: 1_500,
      cause: new Error('socket closed'),
    })
  })
}

function serve(options: Parameters<typeof createTestServer>[0] = {}) {
  return createTestServer({ routes: [things], ...options })
}

function post(body: string, headers: Record<string, string> = {}) {
  return {
    method: 'POST',
    url: '/api/v1/things',
    headers: { ...ALL_SCOPES, 'content-type': 'application/json', ...headers },
    body,
  } as const
}

test('a route that names no permission keeps the server from starting', async () => {
  await using server = createTestServer({
    routes: [async (app) => void app.get('/forgotten', async () => 'x')],
  })
  await expect(server.app.ready()).rejects.toThrow('/api/v1/forgotten names no permission')
})

test('a missing token is a problem with the scheme that is expected', async () => {
  await using server = serve()
  const answer = await server.app.inject('/api/v1/who')
  expect(answer.statusCode).toBe(401)
  expect(answer.headers['content-type']).toContain('application/problem+json')
  expect(answer.headers['www-authenticate']).toBe('Bearer realm="Postern"')
  expect(answer.json()).toEqual({
    type: 'urn:postern:problem:token_missing',
    title: 'A valid token is needed',
    status: 401,
    detail: 'This needs a token.',
    code: 'token_missing',
    requestId: answer.headers['x-request-id'],
  })
})

test('a token without the scope is refused, and told which scope is needed', async () => {
  await using server = serve()
  const answer = await server.app.inject({
    url: '/api/v1/who',
    headers: { authorization: 'Bearer monitor send' },
  })
  expect(answer.statusCode).toBe(403)
  expect(answer.json()).toMatchObject({ code: 'scope_missing', requiredScope: 'operator' })
})

test('a HEAD request needs the same permission as its GET', async () => {
  await using server = serve()
  const head = (authorization: string) =>
    server.app.inject({ method: 'HEAD', url: '/api/v1/who', headers: { authorization } })
  expect((await head('Bearer monitor')).statusCode).toBe(403)
  expect((await head('Bearer operator')).statusCode).toBe(200)
})

test('a public route asks for nothing', async () => {
  await using server = serve()
  expect((await server.app.inject('/api/v1/open')).json()).toEqual({ open: true })
})

test('routes see the caller, and who to record for a change', async () => {
  await using server = serve()
  const answer = await server.app.inject({ url: '/api/v1/who', headers: ALL_SCOPES })
  expect(answer.json()).toEqual({
    actor: { type: 'token', id: 'token-1', name: 'tester', address: '127.0.0.1' },
    scopes: ['admin', 'operator', 'send', 'monitor'],
  })
})

test('an authenticator that takes time is waited for, and its refusal answered', async () => {
  let refuse = false
  await using server = serve({
    authenticate: async () => {
      if (refuse) throw new PosternError('No.', { kind: 'unauthenticated', code: 'token_invalid' })
      return { tokenId: '1', name: 'late', scopes: new Set(['operator']) }
    },
  })
  expect((await server.app.inject('/api/v1/who')).json()).toMatchObject({ actor: { name: 'late' } })
  refuse = true
  expect((await server.app.inject('/api/v1/who')).json()).toMatchObject({ code: 'token_invalid' })
})

test('strangers cannot make the server read a body: the token comes first', async () => {
  await using server = serve({ bodyLimitBytes: 10 })
  const answer = await server.app.inject(post('{'.repeat(1000), { authorization: 'none' }))
  expect(answer.statusCode).toBe(401)
})

test('a sane request id is taken over', async () => {
  await using server = serve()
  const answer = await server.app.inject({
    url: '/api/v1/open',
    headers: { 'x-request-id': '01JD-trace:1.a' },
  })
  expect(answer.headers['x-request-id']).toBe('01JD-trace:1.a')
})

test.each([
  ['a line break', 'a\r\nSet-Cookie: x=1'],
  ['quotes and braces', '{"level":"fatal"}'],
  ['an escape sequence', '\u001b[31mred'],
  ['two ids', 'one, two'],
  ['an endless id', 'a'.repeat(101)],
  ['nothing', ''],
])('a request id with %s is replaced by a new one', async (_, id) => {
  await using server = serve()
  const { headers } = await server.app.inject({
    url: '/api/v1/open',
    headers: { 'x-request-id': id },
  })
  expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
})

test('API answers are neither cached nor sniffed nor framed', async () => {
  await using server = serve()
  for (const url of ['/api/v1/open', '/nowhere', '/api/v1/who']) {
    expect((await server.app.inject(url)).headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
  }
})

test('an unknown address is a 404, a wrong method a 405 that names the right ones', async () => {
  await using server = serve()
  const unknown = await server.app.inject('/api/v1/nothing?token=abc')
  expect(unknown.statusCode).toBe(404)
  expect(unknown.json()).toMatchObject({ code: 'route_unknown' })
  const wrong = await server.app.inject({ method: 'DELETE', url: '/api/v1/things' })
  expect(wrong.statusCode).toBe(405)
  expect(wrong.headers['allow']).toBe('GET, HEAD, POST')
  expect(wrong.json()).toMatchObject({ code: 'method_not_allowed' })
})

test('a body is taken as it is', async () => {
  await using server = serve()
  const body = { name: 'a', server: { port: 587 } }
  expect((await server.app.inject(post(JSON.stringify(body)))).json()).toEqual(body)
})

test('every wrong field is told at once, by its path, and no value is quoted', async () => {
  await using server = serve()
  const answer = await server.app.inject(
    post(JSON.stringify({ nmae: SECRET, server: { port: '587', host: SECRET } })),
  )
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({
    code: 'input_invalid',
    detail: 'The body is not valid in 4 places: name, nmae, server.port, server.host.',
    problems: [
      { field: 'name', message: 'name is missing.' },
      { field: 'nmae', message: 'nmae is not known; known here: name, server.' },
      { field: 'server.port', message: 'server.port must be a whole number.' },
      { field: 'server.host', message: 'server.host is not known; known here: port.' },
    ],
  })
  expect(answer.body + server.log.lines.join('')).not.toContain(SECRET)
})

test('query strings are read as numbers and booleans, with defaults, and nothing unknown', async () => {
  await using server = serve()
  const get = (query: string) =>
    server.app.inject({ url: `/api/v1/things${query}`, headers: ALL_SCOPES })
  expect((await get('?deep=true')).json()).toEqual({ limit: 50, deep: true })
  expect((await get('?limit=7')).json()).toEqual({ limit: 7 })
  expect((await get('?limit=7x&dep=1')).json()).toMatchObject({
    problems: [{ field: 'limit' }, { field: 'dep' }],
  })
  expect((await get('?limit=1&limit=2')).statusCode).toBe(400)
})

test.each([
  ['not JSON', `{"name": "${SECRET}"`, 400, 'json_invalid'],
  ['a __proto__ key', '{"name":"a","__proto__":{"admin":true}}', 400, 'json_invalid'],
  ['a constructor key', '{"constructor":{"prototype":{"admin":true}}}', 400, 'json_invalid'],
  ['nothing', '', 400, 'body_missing'],
  ['a list', '[]', 400, 'input_invalid'],
  ['null', 'null', 400, 'input_invalid'],
  ['too much', JSON.stringify({ name: 'a'.repeat(3000) }), 413, 'body_too_large'],
])('a body that is %s is refused', async (_, body, status, code) => {
  await using server = serve({ bodyLimitBytes: 2000 })
  const answer = await server.app.inject(post(body))
  expect(answer.statusCode).toBe(status)
  expect(answer.json()).toMatchObject({ status, code, requestId: answer.headers['x-request-id'] })
  expect(answer.body + server.log.lines.join('')).not.toContain(SECRET)
  expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false)
})

test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
  'a body of type %s is not accepted',
  async (type) => {
    await using server = serve()
    const answer = await server.app.inject(post('name=a', { 'content-type': type }))
    expect(answer.statusCode).toBe(415)
    expect(answer.json()).toMatchObject({ code: 'media_type_unsupported' })
  },
)

test('addresses that are broken or have an endless part are problems too', async () => {
  await using server = serve()
  const broken = await server.app.inject({ url: '/api/v1/things/%zz', headers: ALL_SCOPES })
  expect(broken.statusCode).toBe(400)
  expect(broken.json()).toMatchObject({ code: 'request_malformed' })
  const long = await server.app.inject(`/api/v1/things/${'a'.repeat(201)}`)
  expect(long.statusCode).toBe(414)
  expect(long.json()).toMatchObject({ code: 'url_too_long' })
})

test('a defect shows nothing but the request id, and is logged once with its cause', async () => {
  await using server = serve()
  const answer = await server.app.inject({ url: '/api/v1/defect', headers: ALL_SCOPES })
  expect(answer.statusCode).toBe(500)
  expect(answer.json()).toMatchObject({ code: 'internal' })
  expect(answer.body).not.toContain(SECRET)
  const lines = server.log.entries().filter(({ level }) => level === 'error')
  expect(lines).toMatchObject([
    {
      requestId: answer.headers['x-request-id'],
      route: '/api/v1/defect',
      status: 500,
      err: { type: 'TypeError' },
    },
  ])
})

test('an error keeps its further members, its Retry-After and its status', async () => {
  await using server = serve()
  const answer = await server.app.inject({ url: '/api/v1/refused', headers: ALL_SCOPES })
  expect(answer.statusCode).toBe(503)
  expect(answer.headers['retry-after']).toBe('2')
  expect(answer.json()).toMatchObject({
    status: 503,
    code: 'tenant_refused',
    detail: 'The tenant refused.',
    diagnosis: { code: 'x' },
  })
  expect(answer.body).not.toContain('socket closed')
  expect(server.log.entries().filter(({ level }) => level === 'warn')).toMatchObject([
    { code: 'tenant_refused', host: 'smtp.example', err: { message: 'socket closed' } },
  ])
})

test('the log names the route and the caller, but neither query nor token', async () => {
  await using server = serve()
  await server.app.inject({ url: '/api/v1/things?limit=1', headers: ALL_SCOPES })
  expect(server.log.entries()).toMatchObject([
    { level: 'debug', method: 'GET', route: '/api/v1/things', status: 200, caller: 'tester' },
  ])
  expect(server.log.lines.join('')).not.toMatch(/limit|Bearer/)
})

test.each([
  ['nonsense', 'NONSENSE\r\n\r\n', '400', 'request_malformed'],
  [
    'endless headers',
    `GET / HTTP/1.1\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`,
    '431',
    'headers_too_large',
  ],
  [
    'a length and chunks at once',
    'POST /api/v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '400',
    'request_malformed',
  ],
])('a request with %s is answered with a problem and cut off', async (_, bytes, status, code) => {
  await using server = serve()
  const { port } = new URL(await server.listen())
  const answer = await new Promise<string>((resolve, reject) => {
    let received = ''
    const socket = connect({ host: '127.0.0.1', port: Number(port) }, () => socket.write(bytes))
    socket.on('data', (chunk) => {
      received += chunk.toString()
    })
    socket.on('end', () => resolve(received))
    socket.on('error', reject)
  })
  expect(answer.split('\r\n')[0]).toContain(`HTTP/1.1 ${status} `)
  expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code })
})

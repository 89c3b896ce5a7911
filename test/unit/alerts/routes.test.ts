import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { alertRoutes } from '../../../src/alerts/index.ts'
import { addAuthentication } from '../../../src/http/authentication.ts'
import { PosternError } from '../../../src/platform/errors.ts'
import { type AlertsBench, createBench, OPERATOR, problemOf, profileOf } from './alerts-bench.ts'

async function serve(bench: AlertsBench) {
  const app = Fastify()
  addAuthentication(app, {
    authenticate: (authorization) => ({
      tokenId: 't1',
      name: 'Olga',
      scopes: new Set(authorization === 'operator' ? ['operator', 'monitor'] : ['monitor']),
    }),
  })
  app.setErrorHandler((error, _request, reply) => {
    const code = error instanceof PosternError ? error.code : 'request_invalid'
    reply.code(400).send({ code })
  })
  await app.register(alertRoutes({ alerts: bench.alerts }), { prefix: '/api/v1' })
  return {
    async call(method: 'GET' | 'POST' | 'DELETE', path: string, scope: string, payload?: object) {
      const url = `/api/v1${path}`
      const headers = { authorization: scope }
      const response = await app.inject({ method, url, headers, ...(payload && { payload }) })
      const body: unknown = response.json()
      return body
    },
    [Symbol.asyncDispose]: () => app.close(),
  }
}

describe('the routes of alerts', () => {
  it('declare the answer of acting on a resolved alert', async () => {
    await using bench = await createBench()
    const app = Fastify()
    const declared: string[] = []
    app.addHook('onRoute', ({ method, url, schema }) => {
      if (Object.hasOwn(schema?.response ?? {}, '409')) declared.push(`${method} ${url}`)
    })
    await app.register(alertRoutes({ alerts: bench.alerts }))
    await app.close()
    expect(declared).toEqual(['POST /alerts/:id/acknowledge', 'POST /alerts/:id/silence'])
  })

  it('show the alerts and let an operator acknowledge and silence them', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    const [alert] = await bench.alerts.list({ limit: 1 })
    await using api = await serve(bench)
    const path = `/alerts/${alert?.id}`
    expect(
      await api.call('GET', '/alerts?state=open&profileId=default&limit=5', 'monitor'),
    ).toEqual({ alerts: [alert] })
    expect(await api.call('GET', '/alerts?state=resolved', 'monitor')).toEqual({ alerts: [] })
    expect(await api.call('GET', path, 'monitor')).toEqual(alert)
    expect(await api.call('POST', `${path}/acknowledge`, 'operator')).toMatchObject({
      state: 'acknowledged',
      acknowledgedBy: 'Olga',
    })
    const silence = { until: '2026-12-01', reason: 'Maintenance' }
    expect(await api.call('POST', `${path}/silence`, 'operator', silence)).toMatchObject({
      state: 'silenced',
      silencedUntil: '2026-12-01T00:00:00.000Z',
      silenceReason: 'Maintenance',
    })
    expect(await api.call('DELETE', `${path}/silence`, 'operator')).toMatchObject({
      state: 'acknowledged',
      silencedUntil: null,
    })
    expect(bench.audited.map(({ action, actor }) => `${action} ${actor.id}`)).toEqual([
      `alert.acknowledged ${OPERATOR.id}`,
      `alert.silenced ${OPERATOR.id}`,
      `alert.unsilenced ${OPERATOR.id}`,
    ])
  })

  it('refuse readers who want to act, and input that is wrong', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    const [alert] = await bench.alerts.list({ limit: 1 })
    await using api = await serve(bench)
    const path = `/alerts/${alert?.id}`
    const codeOf = async (...call: Parameters<typeof api.call>) => api.call(...call)
    expect(await codeOf('POST', `${path}/acknowledge`, 'monitor')).toEqual({
      code: 'scope_missing',
    })
    expect(await codeOf('POST', `${path}/silence`, 'monitor', {})).toEqual({
      code: 'scope_missing',
    })
    expect(await codeOf('DELETE', `${path}/silence`, 'monitor')).toEqual({ code: 'scope_missing' })
    expect(await codeOf('GET', '/alerts/none', 'monitor')).toEqual({ code: 'alert_not_found' })
    expect(
      await codeOf('POST', `${path}/silence`, 'operator', { until: 'x', reason: 'y' }),
    ).toEqual({ code: 'silence_until_invalid' })
    for (const query of ['state=all', 'limit=0', 'limit=9999']) {
      expect(await codeOf('GET', `/alerts?${query}`, 'monitor')).toEqual({
        code: 'request_invalid',
      })
    }
    expect(
      await codeOf('POST', `${path}/silence`, 'operator', { until: '2026-12-01', reason: '' }),
    ).toEqual({ code: 'request_invalid' })
  })
})

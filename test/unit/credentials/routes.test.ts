import { describe, expect, it } from 'vitest'
import { credentialRoutes } from '../../../src/credentials/index.ts'
import { createHttpServer } from '../../../src/http/index.ts'
import { SECOND_MS } from '../../../src/platform/clock.ts'
import { createStagingBench, NEW, NO_CONSENT, type StagingBench, WRONG } from './staging-bench.ts'

async function startServer(bench: StagingBench) {
  const { rig, staging } = bench
  const app = createHttpServer({
    log: rig.captured.log,
    authenticate: (authorization) => ({
      tokenId: 't',
      name: 'Alice',
      scopes: new Set(authorization === 'Bearer operator' ? ['monitor', 'operator'] : ['monitor']),
    }),
  })
  const renewal = { latest: async () => undefined }
  const graphExpiry = { findingOf: () => undefined }
  app.register(credentialRoutes({ profiles: rig.profiles, staging, renewal, graphExpiry }))
  const url = '/profiles/default/credential'
  return {
    get: () => app.inject({ url, headers: { authorization: 'Bearer monitor' } }),
    put: (body: object, authorization = 'Bearer operator') =>
      app.inject({ method: 'PUT', url, headers: { authorization }, payload: body }),
    [Symbol.asyncDispose]: () => app.close(),
  }
}

describe('PUT profiles/{id}/credential', () => {
  it('answers 200 when the new credential is in use, without any secret', async () => {
    await using bench = await createStagingBench()
    await using server = await startServer(bench)
    bench.script.push('ok')
    const answer = await server.put(NEW)
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      credentials: [
        { state: 'active', hint: 'Xyz', expiresAt: '2027-10-01T23:59:59.999Z', refusedAt: null },
        { state: 'fallback', hint: 'Abc' },
      ],
      proof: { state: 'active', attempts: 1, diagnosis: null },
      renewal: null,
      graph: null,
    })
    expect(answer.body).not.toContain('other-secret')
    expect((await server.get()).json()).toEqual(answer.json())
  })

  it('answers 202 when Microsoft takes longer, and GET shows how it goes on', async () => {
    await using bench = await createStagingBench()
    await using server = await startServer(bench)
    bench.script.push(WRONG, 'ok')
    const pending = server.put(NEW)
    await bench.rig.clock.untilSleeping(2)
    await bench.rig.clock.advance(20 * SECOND_MS)
    const answer = await pending
    expect(answer.statusCode).toBe(202)
    expect(answer.json()).toMatchObject({
      credentials: [
        { state: 'active', hint: 'Abc' },
        { state: 'staged', hint: 'Xyz' },
      ],
      proof: { state: 'waiting', diagnosis: { code: 'secret_wrong' } },
    })
    await bench.rig.clock.advance(10 * SECOND_MS)
    await bench.staging.idle()
    expect((await server.get()).json()).toMatchObject({ proof: { state: 'active', attempts: 2 } })
  })

  it('answers credential_refused with the diagnosis', async () => {
    await using bench = await createStagingBench()
    await using server = await startServer(bench)
    bench.script.push(NO_CONSENT)
    expect((await server.put(NEW)).json()).toMatchObject({
      code: 'credential_refused',
      diagnosis: { code: 'role_missing' },
    })
    expect((await server.get()).json()).toMatchObject({
      credentials: [{ state: 'active', hint: 'Abc' }],
      proof: { state: 'refused', diagnosis: { code: 'role_missing' } },
    })
  })

  it.each([
    ['an unknown key', { ...NEW, password: 'x' }, 'input_invalid', 'password'],
    ['no credential', {}, 'input_invalid', 'credential'],
    ['a recipient that is no text', { ...NEW, sendTo: 5 }, 'input_invalid', 'sendTo'],
    ['no value', { credential: { type: 'clientSecret' } }, 'profile_invalid', 'credential.value'],
  ])('tells in plain words what is wrong with %s', async (_title, body, code, field) => {
    await using bench = await createStagingBench()
    await using server = await startServer(bench)
    const answer = await server.put(body)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ code, problems: [{ field }] })
  })

  it('is for operators', async () => {
    await using bench = await createStagingBench()
    await using server = await startServer(bench)
    expect((await server.put(NEW, 'Bearer monitor')).statusCode).toBe(403)
  })
})

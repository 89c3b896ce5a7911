import { Agent, get, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { closeHttpServer } from '../../../src/http/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { createTestServer } from '../../support/http.ts'

/** A server with one route that answers when it is told to. */
function serveSlowly() {
  const arrived = Promise.withResolvers<void>()
  const mayAnswer = Promise.withResolvers<void>()
  const server = createTestServer({
    routes: [
      async (app) => {
        app.get('/slow', { config: { permission: 'public' } }, async () => {
          arrived.resolve()
          await mayAnswer.promise
          return { done: true }
        })
      },
    ],
  })
  return { server, arrived: arrived.promise, answer: () => mayAnswer.resolve() }
}

function request(url: string, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, resolve).on('error', reject)
  })
}

test('closing lets a request that is being answered finish, and takes no new ones', async () => {
  const clock = createFakeClock()
  const { server, arrived, answer } = serveSlowly()
  await using _ = server
  const origin = await server.listen()
  const running = fetch(`${origin}/api/v1/slow`)
  await arrived
  const closing = closeHttpServer(server.app, { graceMs: 10_000, clock })
  await clock.untilSleeping()
  await expect.poll(() => server.app.server.listening).toBe(false)
  await expect(fetch(`${origin}/api/v1/slow`)).rejects.toThrow()
  answer()
  expect(await (await running).json()).toEqual({ done: true })
  await closing
  expect(clock.sleepers).toBe(0)
})

test('closing ends idle kept-alive connections at once', async () => {
  const clock = createFakeClock()
  const { server, answer } = serveSlowly()
  await using _ = server
  const agent = new Agent({ keepAlive: true })
  const origin = await server.listen()
  answer()
  const message = await request(`${origin}/api/v1/slow`, agent)
  const ended = new Promise((resolve) => message.socket.once('close', resolve))
  message.resume()
  await closeHttpServer(server.app, { graceMs: 10_000, clock })
  await ended
  agent.destroy()
})

test('who holds a connection longer than the grace time is cut off', async () => {
  const clock = createFakeClock()
  const { server, arrived, answer } = serveSlowly()
  await using _ = server
  const origin = await server.listen()
  const running = expect(fetch(`${origin}/api/v1/slow`)).rejects.toThrow()
  await arrived
  const closing = closeHttpServer(server.app, { graceMs: 10_000, clock })
  await clock.untilSleeping()
  await clock.advance(10_000)
  await running
  await closing
  answer()
})

import { expect, test } from 'vitest'
import { createLogger } from '../../../src/platform/logger.ts'
import { Secret } from '../../../src/platform/secret.ts'

function setUp() {
  const lines: string[] = []
  const log = createLogger({ level: 'info', destination: { write: (line) => lines.push(line) } })
  return { log, lines, facts: () => JSON.parse(lines.at(-1) ?? '{}') }
}

test('a line names its level in words, and holds its facts', () => {
  const { log, facts } = setUp()
  log.info({ id: 'm-1', recipients: 2 }, 'message delivered')
  expect(facts()).toMatchObject({
    level: 'info',
    id: 'm-1',
    recipients: 2,
    msg: 'message delivered',
  })
})

test('what the name of a secret holds is never written, however deep the facts go', () => {
  const { log, lines } = setUp()
  const given = {
    password: 'hunter1',
    a: { clientSecret: 'hunter2', b: { token: 'hunter3', c: { value: 'hunter4' } } },
    list: [{ accessToken: 'hunter5' }],
    authorization: { scheme: 'Bearer', text: 'hunter6' },
    secret: new Secret('hunter7'),
  }
  log.info(given, 'facts')
  expect(lines.join()).not.toContain('hunter')
  expect(lines.join().match(/\[secret\]/g)).toHaveLength(7)
  expect(given.password, 'the facts themselves stay as they are').toBe('hunter1')
})

test('errors and the facts of a child are censored, too', () => {
  const { log, lines, facts } = setUp()
  const error = Object.assign(new Error('refused'), { password: 'hunter1', code: 'EAUTH' })
  log.child({ component: 'smtp', token: 'hunter2' }).error({ err: error }, 'no login')
  expect(lines.join()).not.toContain('hunter')
  expect(facts()).toMatchObject({ component: 'smtp', err: { message: 'refused', code: 'EAUTH' } })
})

test('other facts are written as they are', () => {
  const { log, facts } = setUp()
  log.info({ at: new Date(0), none: null, deep: { tokens: 3, values: [1, 2] } }, 'facts')
  expect(facts()).toMatchObject({
    at: '1970-01-01T00:00:00.000Z',
    none: null,
    deep: { tokens: 3, values: [1, 2] },
  })
})

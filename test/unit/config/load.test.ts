import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Environment, loadConfig } from '../../../src/config/index.ts'
import { PosternError } from '../../../src/platform/errors.ts'
import { temporaryFolder } from '../../support/folder.ts'

function problemsOf(env: Environment): Record<string, string> {
  try {
    loadConfig({ env, isTerminal: false })
  } catch (error) {
    if (!(error instanceof PosternError)) throw error
    expect(error).toMatchObject({ kind: 'invalid', code: 'settings_invalid' })
    return Object.fromEntries(error.problems.map(({ field, message }) => [field, message]))
  }
  return {}
}

test('an empty environment gives the documented defaults', () => {
  expect(loadConfig({ env: {}, isTerminal: false })).toMatchObject({
    dataDir: './data',
    http: { host: '127.0.0.1', port: 8587, publicUrl: null },
    adminToken: undefined,
    allowCustomCloud: false,
    metricsPublic: false,
    log: { level: 'info', format: 'json' },
    verification: { schedule: '*/15 * * * *', concurrency: 8, timeoutMs: 60_000 },
  })
  expect(loadConfig({ env: {}, isTerminal: true }).log.format).toBe('pretty')
})

test.each<[string, string, RegExp]>([
  ['POSTERN_HTTP_PORT', '65536', /"65536" is not a whole number from 0 to 65535/],
  ['POSTERN_HTTP_PORT', '80.5', /not a whole number/],
  ['POSTERN_HTTP_PORT', 'http', /not a whole number/],
  ['POSTERN_RELAY_PORT', '-1', /from 0 to 65535/],
  ['POSTERN_RELAY_NAME', 'postern contoso', /is not a host name/],
  ['POSTERN_MESSAGE_MAX_SIZE_MB', '151', /from 1 to 150/],
  ['POSTERN_PUBLIC_URL', 'postern.contoso.com', /must start with http:\/\/ or https:\/\//],
  ['POSTERN_ALLOW_CUSTOM_CLOUD', 'yes', /use true or false/],
  ['POSTERN_METRICS_PUBLIC', '1', /use true or false/],
  ['POSTERN_LOG_LEVEL', 'loud', /use one of fatal, error, warn, info/],
  ['POSTERN_LOG_FORMAT', 'xml', /use one of json, pretty/],
  ['POSTERN_VERIFICATION_SCHEDULE', 'hourly', /five cron fields/],
  ['POSTERN_VERIFICATION_SCHEDULE', '* * * * * *', /five cron fields/],
  ['POSTERN_VERIFICATION_CONCURRENCY', '0', /from 1 to 100/],
  ['POSTERN_ALERTS_REMINDER_HOURS', '0', /from 1 to 720/],
  ['HTTPS_PROXY', 'proxy:3128', /must start with http/],
  ['POSTERN_SMTP_PROXY', 'proxy:3128', /must start with http:\/\/, https:\/\/ or socks5:\/\//],
  ['POSTERN_SMTP_PROXY', 'socks4://proxy:1080', /or socks5:\/\//],
  ['POSTERN_CA_FILE', '/nowhere/ca.pem', /cannot be used: ENOENT/],
  ['POSTERN_HTPP_PORT', '1', /did you mean POSTERN_HTTP_PORT\?/],
  ['POSTERN_NONSENSE_OF_ANY_KIND', '1', /^is not a setting$/],
])('%s=%s is refused with a sentence', (name, value, sentence) => {
  expect(problemsOf({ [name]: value })[name]).toMatch(sentence)
})

test.each([
  'http://proxy.contoso.com:3128',
  'https://proxy.contoso.com',
  'socks5://us%40er:pass@proxy.contoso.com:1080',
])('mail may go through the proxy %s', (address) => {
  const config = loadConfig({ env: { POSTERN_SMTP_PROXY: address }, isTerminal: false })
  expect(config.proxy.smtp).toEqual(new URL(address))
})

test('all problems are reported at once', () => {
  const problems = problemsOf({
    POSTERN_HTTP_PORT: 'x',
    POSTERN_LOG_LEVEL: 'x',
    POSTERN_ADMIN_TOKEN: 'short',
  })
  expect(Object.keys(problems).sort()).toEqual([
    'POSTERN_ADMIN_TOKEN',
    'POSTERN_HTTP_PORT',
    'POSTERN_LOG_LEVEL',
  ])
})

test('a wrong secret is not shown in its problem', () => {
  const problems = problemsOf({ POSTERN_ADMIN_TOKEN: 'hunter2', POSTERN_MASTER_KEY: 'hunter2' })
  expect(Object.keys(problems)).toHaveLength(2)
  expect(JSON.stringify(problems)).not.toContain('hunter2')
})

test('each setting can come from a file, whose last line end does not count', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'token')
  writeFileSync(file, 'a-token-with-20-characters\n')
  const config = loadConfig({ env: { POSTERN_ADMIN_TOKEN_FILE: file }, isTerminal: false })
  expect(config.adminToken?.reveal()).toBe('a-token-with-20-characters')
})

test('a setting given twice, or whose file cannot be read, is refused', () => {
  expect(problemsOf({ POSTERN_HTTP_PORT: '1', POSTERN_HTTP_PORT_FILE: '/x' })).toEqual({
    POSTERN_HTTP_PORT: 'is set twice: remove it or POSTERN_HTTP_PORT_FILE',
  })
  expect(problemsOf({ POSTERN_HTTP_PORT_FILE: '/nowhere/x' })['POSTERN_HTTP_PORT_FILE']).toMatch(
    /cannot be read: ENOENT/,
  )
})

test('an empty variable counts as not set', () => {
  expect(loadConfig({ env: { POSTERN_HTTP_PORT: '' }, isTerminal: false }).http.port).toBe(8587)
})

test('variables that Kubernetes injects for a service named postern are ignored', () => {
  const env = {
    POSTERN_SERVICE_HOST: '10.0.0.1',
    POSTERN_PORT: 'tcp://10.0.0.1:8587',
    POSTERN_PORT_8587_TCP_ADDR: '10.0.0.1',
    POSTERN_RELAY_SERVICE_HOST: '10.0.0.2',
    POSTERN_RELAY_SERVICE_PORT_SMTP: '2587',
    POSTERN_RELAY_PORT: 'tcp://10.0.0.2:2587',
    POSTERN_RELAY_PORT_2587_TCP_PROTO: 'tcp',
  }
  expect(problemsOf(env)).toEqual({})
})

test('one number bounds every message, whichever way it comes', () => {
  const limitsOf = (env: Environment) => {
    const { relay, messages } = loadConfig({ env, isTerminal: false })
    return [relay.maxMessageBytes, messages.maxBytes]
  }
  expect(limitsOf({})).toEqual([35 * 1024 * 1024, 35 * 1024 * 1024])
  expect(limitsOf({ POSTERN_MESSAGE_MAX_SIZE_MB: '2' })).toEqual([2 * 1024 * 1024, 2 * 1024 * 1024])
})

test('the settings of the relay: off, its name, its size limit, and certificates in pairs', () => {
  const relayOf = (env: Environment) => loadConfig({ env, isTerminal: false }).relay
  expect(relayOf({})).toEqual({
    host: '127.0.0.1',
    port: 2587,
    name: undefined,
    certificateFiles: undefined,
    maxMessageBytes: 35 * 1024 * 1024,
  })
  const env = {
    POSTERN_RELAY_PORT: '0',
    POSTERN_RELAY_NAME: 'postern.contoso.com',
    POSTERN_RELAY_TLS_CERT: '/etc/cert.pem',
    POSTERN_RELAY_TLS_KEY: '/etc/key.pem',
  }
  expect(relayOf(env)).toMatchObject({
    port: null,
    name: 'postern.contoso.com',
    certificateFiles: { certificate: '/etc/cert.pem', key: '/etc/key.pem' },
  })
  expect(problemsOf({ POSTERN_RELAY_TLS_CERT: '/etc/cert.pem' })).toEqual({
    POSTERN_RELAY_TLS_KEY: 'is missing: POSTERN_RELAY_TLS_CERT needs it',
  })
  expect(problemsOf({ POSTERN_RELAY_TLS_KEY: '/etc/key.pem' })).toEqual({
    POSTERN_RELAY_TLS_CERT: 'is missing: POSTERN_RELAY_TLS_KEY needs it',
  })
})

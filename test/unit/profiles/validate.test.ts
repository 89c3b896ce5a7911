import { describe, expect, it } from 'vitest'
import { validateProfile } from '../../../src/profiles/validate.ts'
import { basic, CLIENT, exchangeOnline, LOCAL_SERVER, profileInput, TENANT } from './harness.ts'
import { auth, CUSTOM, sender, WRONG } from './wrong-inputs.ts'

const problemsOf = (input: unknown, allowCustomCloud = false) =>
  validateProfile(input, { allowCustomCloud }).problems

describe('A profile’s input', () => {
  it.each(WRONG)('is refused with %s', (_title, input, field, piece) => {
    const problems = problemsOf(input)
    expect(problems.map((problem) => problem.field)).toContain(field)
    expect(problems.find((problem) => problem.field === field)?.message).toContain(piece)
    expect(problems.every(({ message }) => /^\S.*[.)]$/s.test(message))).toBe(true)
  })

  it('is told every problem at once, of form and of meaning', () => {
    const input = profileInput({
      colour: 'red',
      senderEmailAddress: 'alerts',
      server: { host: 'smtp://x', port: 'x', security: 'starttls' },
      authentication: exchangeOnline({
        tenantId: 'common',
        credential: { type: 'clientSecret', value: CLIENT },
      }),
    })
    expect(
      problemsOf(input)
        .map(({ field }) => field)
        .sort(),
    ).toEqual([
      'authentication.credential.value',
      'authentication.tenantId',
      'colour',
      'senderEmailAddress',
      'server.host',
      'server.port',
    ])
  })

  it('names each wrong field of a custom cloud', () => {
    const fields = (changes: Record<string, unknown>) =>
      problemsOf(auth({ ...CUSTOM, ...changes }), true).map(({ field }) => field)
    expect(fields({})).toEqual([])
    expect(fields({ authority: 'http://login.example.com' })).toEqual(['authentication.authority'])
    expect(fields({ authority: 'https://login.example.com/x' })).toEqual([
      'authentication.authority',
    ])
    expect(fields({ graphUrl: 'graph' })).toEqual(['authentication.graphUrl'])
    expect(fields({ scope: 'https://mail.example.com' })).toEqual(['authentication.scope'])
    expect(fields({ scope: undefined, graphUrl: undefined })).toEqual([
      'authentication.scope',
      'authentication.graphUrl',
    ])
  })

  it('never repeats a secret that a forgotten blank has made a key', () => {
    const problems = problemsOf(profileInput({ 'value:Abc8Q~of-the-tests': 1 }))
    expect(problems).toHaveLength(1)
    expect(JSON.stringify(problems)).not.toContain('Abc8Q')
  })

  it('never repeats a secret, wherever it was pasted', () => {
    const pasted = 'Abc8Q~very secret\nvalue-of-the-tests'
    const input = profileInput({
      id: pasted,
      senderDisplayName: pasted,
      senderEmailAddress: pasted,
      server: { host: pasted, port: pasted, security: pasted },
      authentication: exchangeOnline({
        tenantId: pasted,
        clientId: pasted,
        cloud: pasted,
        credential: { type: pasted, value: pasted, expiresAt: pasted },
      }),
    })
    expect(problemsOf(input).length).toBeGreaterThan(8)
    expect(JSON.stringify(problemsOf(input))).not.toContain('Abc8Q~')
  })
})

it('tells a wrong port together with a wrong login', () => {
  const { problems } = validateProfile(
    profileInput({
      server: { host: 'smtp.office365.com', port: 465, security: 'starttls' },
      authentication: exchangeOnline({ tenantId: 'Contoso Ltd' }),
    }),
    { allowCustomCloud: false },
  )
  expect(problems.map(({ field }) => field).sort()).toEqual([
    'authentication.tenantId',
    'server.port',
  ])
})

describe('Accepted input', () => {
  const draftOf = (input: unknown) => validateProfile(input, { allowCustomCloud: false }).draft

  it('is trimmed where white space is not meant, and kept where it is', () => {
    const draft = draftOf(
      profileInput({
        senderDisplayName: ' Process Alerts ',
        senderEmailAddress: ' alerts@Contoso.COM\n',
        errorEmailAddress: '  ',
        server: { host: ' SMTP.Office365.com. ', port: 587, security: 'starttls' },
        authentication: exchangeOnline({
          tenantId: ` {${TENANT.toUpperCase()}} `,
          clientId: `\t${CLIENT}\n`,
          username: ' ',
          credential: {
            type: 'clientSecret',
            value: ' Abc8Q~first-secret-value \r\n',
            expiresAt: ' 2027-05-01 ',
          },
        }),
      }),
    )
    expect(draft?.settings).toEqual({
      senderDisplayName: 'Process Alerts',
      senderEmailAddress: 'alerts@contoso.com',
      subjectPrefix: '[Process] ',
      errorEmailAddress: null,
      server: { host: 'smtp.office365.com', port: 587, security: 'starttls' },
      authentication: {
        type: 'exchangeOnline',
        cloud: 'worldwide',
        tenantId: TENANT,
        clientId: CLIENT,
        username: null,
        applicationRbac: false,
      },
    })
    expect(draft?.secret?.value?.reveal()).toBe('Abc8Q~first-secret-value')
    expect(draft?.secret?.expiresAt).toBe(globalThis.Date.parse('2027-05-01T23:59:59.999Z'))
  })

  it.each([
    ['grüße@bücher.example', 'grüße@xn--bcher-kva.example'],
    ["o'brien+tag@mail.contoso.com", "o'brien+tag@mail.contoso.com"],
    ['jose\u0301@contoso.com', 'jos\u00e9@contoso.com'],
    [`${'a'.repeat(64)}@contoso.com`, `${'a'.repeat(64)}@contoso.com`],
  ])('holds the address %s as it travels', (given, stored) => {
    expect(draftOf(sender(given))?.settings.senderEmailAddress).toBe(stored)
  })

  it.each([
    ['[2001:DB8::1]', '2001:db8::1'],
    ['192.0.2.7', '192.0.2.7'],
    ['mail_relay.intern', 'mail_relay.intern'],
    ['bücher.example', 'xn--bcher-kva.example'],
  ])('holds the host %s without its decoration', (host, stored) => {
    const input = profileInput({
      server: { host, port: 25, security: 'starttls' },
      authentication: { type: 'none' },
    })
    expect(draftOf(input)?.settings.server.host).toBe(stored)
  })

  it('keeps the blanks of a password', () => {
    const input = profileInput({ server: LOCAL_SERVER, authentication: basic({ password: ' x ' }) })
    expect(draftOf(input)?.secret?.value?.reveal()).toBe(' x ')
  })

  it('lets a password pass in clear to this machine only', () => {
    const input = profileInput({
      server: { host: '127.0.0.1', port: 25, security: 'none' },
      authentication: basic(),
    })
    expect(draftOf(input)).toBeDefined()
  })

  it('takes a domain as tenant', () => {
    const { authentication } =
      draftOf(auth({ tenantId: 'Contoso.onmicrosoft.com' }))?.settings ?? {}
    expect(authentication).toMatchObject({ tenantId: 'contoso.onmicrosoft.com' })
  })
})

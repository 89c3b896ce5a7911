import { describe, expect, it } from 'vitest'
import { CLOUDS } from '../../../src/entra/index.ts'
import { EXCHANGE_ONLINE_LIMITS } from '../../../src/profiles/delivery-limits.ts'
import type { ExchangeOnlineAuthentication, Profile } from '../../../src/profiles/index.ts'
import { powerShellText } from '../../../src/setup/script/literal.ts'
import { renderScript } from '../../../src/setup/script/render.ts'
import { readPowerShell } from './powershell-reader.ts'

const CLIENT_ID = 'd2f6b8a1-43c7-4e95-8b1d-0e7a6f9c2354'
const OBJECT_ID = '91b7d0e3-6a5c-4f18-b42e-c8d3f6079a15'
const VARIANTS = ['exchange', 'exchangeRbac', 'unattended'] as const

function scriptFor(
  variant: (typeof VARIANTS)[number],
  changes: Partial<ExchangeOnlineAuthentication> = {},
  objectId: string | null = OBJECT_ID,
): string {
  const authentication: ExchangeOnlineAuthentication = {
    type: 'exchangeOnline',
    cloudId: 'worldwide',
    cloud: CLOUDS.worldwide,
    tenantId: 'contoso.onmicrosoft.com',
    clientId: CLIENT_ID,
    username: null,
    applicationRbac: false,
    ...changes,
  }
  const profile: Profile = {
    id: 'default',
    version: 1,
    managed: false,
    createdAt: 0,
    updatedAt: 0,
    senderDisplayName: 'Process Alerts',
    senderEmailAddress: 'alerts@contoso.com',
    subjectPrefix: '',
    errorEmailAddress: null,
    server: { host: 'smtp.office365.com', port: 587, security: 'starttls' },
    authentication,
    delivery: EXCHANGE_ONLINE_LIMITS,
    deliverySettings: {},
    credential: null,
    warnings: [],
  }
  return renderScript({ profile, authentication, objectId, variant })
}

/** The text that a PowerShell literal of powerShellText stands for. */
function readLiteral(literal: string): string {
  const joined = /^\('' \+ (.*)\)$/s.exec(literal)?.[1]
  if (joined === undefined) return readPowerShell(literal).strings[0] ?? ''
  return [...joined.matchAll(/\[char\]0x([0-9a-f]{4})|'((?:[^']|'')*)'/g)]
    .map(([, unit, text = '']) =>
      unit === undefined
        ? text.replaceAll("''", "'")
        : String.fromCharCode(Number.parseInt(unit, 16)),
    )
    .join('')
}

const HOSTILE = [
  "o'brien@contoso.com",
  "x'; Remove-Mailbox boss; '",
  'x"; Remove-Mailbox boss; "',
  'x$(Remove-Mailbox boss)',
  'x`"; Remove-Mailbox boss',
  'x#> Remove-Mailbox boss',
  'x\u2019; Remove-Mailbox boss; \u2018',
  "'@; Remove-Mailbox boss",
  '\u00d1andu@\u4f8b\u3048.jp \ud83d\ude00',
  '$env:PATH {0} %PATH%',
]

describe.each(VARIANTS)('the script “%s”', (variant) => {
  it('has balanced quotes and brackets and no secret in it', () => {
    const { code } = readPowerShell(scriptFor(variant))
    expect(code).toContain('Get-ServicePrincipal')
    expect(code).toContain('try {')
    expect(code).toContain('} finally {')
  })

  it('is plain ASCII, so that Windows PowerShell reads it as it is', () => {
    for (const username of HOSTILE) {
      expect(scriptFor(variant, { username })).toMatch(/^[\n\x20-\x7e]*$/)
    }
  })

  it.each(HOSTILE)('keeps %j inside the quotes of one parameter', (username) => {
    const script = scriptFor(variant, { username })
    const plain = readPowerShell(scriptFor(variant))
    const { code } = readPowerShell(script)
    const withoutDefault = (text: string) => text.replace(/\$Mailbox = .*,\n/, '')
    expect(withoutDefault(code)).toBe(withoutDefault(plain.code))
    const literal = /\[string\] \$Mailbox = (.*),\n/.exec(script)?.[1] ?? ''
    expect(readLiteral(literal)).toBe(username)
  })

  it.each(['\n', '\r\n', '\u0000', '\u2028', '\u0085'])(
    'lets no line end into a value (%j)',
    (end) => {
      const script = scriptFor(variant, { username: `x'${end}Remove-Mailbox boss` })
      expect(script).toContain("$Mailbox = 'x'' Remove-Mailbox boss',")
    },
  )

  it('never trusts Get-ServicePrincipal with an identity, and wants exactly one', () => {
    const { code } = readPowerShell(scriptFor(variant))
    expect(code).not.toMatch(/Get-ServicePrincipal -Identity/)
    expect(code).toContain('Where-Object { $_.AppId -eq $ClientId }')
    expect(code).toMatch(/\$found\.Count -ne 1 -or/)
  })

  it('changes nothing before it has looked, and looks again afterwards', () => {
    const lines = readPowerShell(scriptFor(variant)).code.split('\n')
    const changing = /^\s+(?:\$\w+ = @?\(?)?(New|Add|Set|Remove|Update)-(?!ManagementScope|Mg)\w+/
    const changes = lines.flatMap((line, index) => (changing.test(line) ? [index] : []))
    expect(changes.length).toBeGreaterThan(3)
    for (const index of changes) {
      const before = lines.slice(Math.max(0, index - 4), index).join('\n')
      expect(before, lines[index]).toMatch(/if \(|elseif/)
      const after = lines.slice(index + 1, index + 30).join('\n')
      expect(after, lines[index]).toMatch(/Wait-Until|Test-ServicePrincipalAuthorization/)
    }
  })

  it('asks before it replaces a service principal with a wrong Object ID', () => {
    const { code } = readPowerShell(scriptFor(variant))
    expect(code.indexOf("Confirm-Change ''")).toBeLessThan(code.indexOf('Remove-ServicePrincipal'))
    expect(code).toContain('"" -ne $ObjectId')
  })
})

describe('the scripts', () => {
  it('give the mailbox permission on the classic path, and the role in a scope on the other', () => {
    const classic = readPowerShell(scriptFor('exchange')).code
    expect(classic).toContain('Add-MailboxPermission -Identity $Mailbox -User $principal.Identity')
    expect(classic).not.toContain('New-ManagementRoleAssignment')
    const rbac = readPowerShell(scriptFor('exchangeRbac')).code
    expect(rbac).toContain('New-ManagementRoleAssignment -Name $AssignmentName')
    expect(rbac).toContain('New-ManagementScope')
    expect(rbac).toContain('Test-ServicePrincipalAuthorization -Identity $ClientId')
    expect(rbac).not.toContain('Add-MailboxPermission')
    for (const code of [classic, rbac]) {
      expect(code).toContain(
        'Set-CASMailbox -Identity $Mailbox -SmtpClientAuthenticationDisabled $false',
      )
    }
  })

  it('do the steps in Entra only unattended, with a certificate for Exchange', () => {
    expect(scriptFor('exchange')).not.toContain('Connect-MgGraph')
    const script = scriptFor('unattended')
    expect(script).toContain('New-MgServicePrincipalAppRoleAssignment')
    expect(script).toContain('$connection.CertificateThumbprint = $CertificateThumbprint')
    expect(script).toContain('$ObjectId = $enterprise.Id')
    const rbac = scriptFor('unattended', { applicationRbac: true })
    expect(rbac).not.toContain('New-MgServicePrincipalAppRoleAssignment')
    expect(rbac).toContain('New-ManagementRoleAssignment')
  })

  it.each([
    ['worldwide', '', 'Global'],
    ['usGovHigh', 'O365USGovGCCHigh', 'USGov'],
    ['usGovDod', 'O365USGovDoD', 'USGovDoD'],
    ['china', 'O365China', 'China'],
  ] as const)('connect to the cloud %s', (cloudId, exchange, graph) => {
    const script = scriptFor('unattended', { cloudId, cloud: CLOUDS[cloudId] })
    expect(script).toContain(`$ExchangeEnvironmentName = '${exchange}',`)
    expect(script).toContain(`$GraphEnvironment = '${graph}',`)
  })

  it('carry the Object ID of the token, and ask for it when no token has come yet', () => {
    expect(scriptFor('exchange')).toContain(`$ObjectId = '${OBJECT_ID}',`)
    const without = scriptFor('exchange', {}, null)
    expect(without).toContain("$ObjectId = '',")
    expect(without).toContain('Read-Host')
  })
})

describe('the reader of these tests', () => {
  it.each(["'x", '"x', '"$(x"', '{', ')', '<# x', "@{ a = 'b'"])('refuses %j', (script) => {
    expect(() => readPowerShell(script)).toThrow()
  })

  it('reads a text back as it was', () => {
    for (const text of HOSTILE) expect(readLiteral(powerShellText(text))).toBe(text)
  })
})

import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { diagnose } from '../../../src/diagnosis/index.ts'
import { contextWith, entra, smtp, transport } from './samples.ts'

const SWITCHED_OFF = smtp('535 5.7.139 SmtpClientAuthentication is disabled for the Mailbox.')
const NO_ENTERPRISE_APPLICATION = entra(7000229, 'missing service principal')

function commandWith(mailbox: string): string {
  const { commands } = diagnose(SWITCHED_OFF, contextWith({ mailbox }))
  return commands.find((command) => command.text.includes('Set-CASMailbox'))?.text ?? ''
}

/**
 * Reads a PowerShell line as its tokenizer does for single-quoted strings: returns what stands outside of quotes and
 * the strings themselves. U+2018 to U+201B are quotes there too.
 */
function readPowerShell(line: string): { outside: string; strings: string[] } {
  const isQuote = (char: string | undefined) => char !== undefined && /['\u2018-\u201b]/.test(char)
  let outside = ''
  const strings: string[] = []
  for (let i = 0; i < line.length; i++) {
    if (!isQuote(line[i])) {
      outside += line[i]
      continue
    }
    let value = ''
    for (i++; i < line.length; i++) {
      if (!isQuote(line[i])) value += line[i]
      else if (isQuote(line[i + 1])) value += line[i++]
      else break
    }
    strings.push(value)
  }
  return { outside, strings }
}

describe('a command', () => {
  it.each([
    "o'brien@contoso.com",
    "x'; Remove-Mailbox boss; '",
    'x\u2019; Remove-Mailbox boss; \u2018',
    'x"; $(Remove-Mailbox boss)',
    'x`"; Remove-Mailbox boss',
    "'",
    '\u201a\u201b',
  ])('keeps %j inside its quotes in PowerShell', (mailbox) => {
    const { outside, strings } = readPowerShell(commandWith(mailbox))
    expect(outside).toBe('Set-CASMailbox -Identity  -SmtpClientAuthenticationDisabled $false')
    expect(strings).toEqual([mailbox])
  })

  it.each(['\n', '\r\n', '\u0000', '\u2028', '\u0085'])(
    'is one line whatever a value holds (%j)',
    (end) => {
      const command = commandWith(`x'${end}Remove-Mailbox boss`)
      expect(command).not.toContain(end)
      expect(readPowerShell(command).strings).toEqual(["x' Remove-Mailbox boss"])
    },
  )

  it('keeps a value inside its quotes in a POSIX shell', () => {
    const clientId = "x'; echo broken; echo '$(echo broken) `echo broken`"
    const { commands } = diagnose(NO_ENTERPRISE_APPLICATION, contextWith({ clientId }))
    const text = commands.find((command) => command.shell === 'bash')?.text ?? ''
    const shown = execFileSync('sh', ['-c', text.replace('az ad sp create --id', "printf '%s'")])
    expect(shown.toString()).toBe(clientId)
  })

  it('keeps an authority with shell characters inside its quotes', () => {
    const context = contextWith({ authority: "https://a'$(echo)" })
    const { commands } = diagnose(transport('entra', 'redirect'), context)
    const shown = execFileSync('sh', [
      '-c',
      commands[0]?.text.replace('curl -v', "printf '%s'") ?? '',
    ])
    expect(shown.toString()).toBe("https://a'$(echo)")
  })

  it('encodes values in an address and opens only https', () => {
    const urlWith = (changes: Parameters<typeof contextWith>[0]) =>
      diagnose(NO_ENTERPRISE_APPLICATION, contextWith(changes)).commands.find(
        (command) => command.shell === 'url',
      )?.text
    expect(urlWith({ clientId: 'a&b#c', tenantId: '../x' })).toBe(
      'https://login.microsoftonline.com/..%2Fx/adminconsent?client_id=a%26b%23c',
    )
    expect(urlWith({ authority: 'javascript:alert(1)' })).toMatch(/^<sign-in address of the cloud>/)
  })

  it('shows a clear placeholder for what is not known', () => {
    const refused = smtp('535 5.7.3 Authentication unsuccessful')
    const context = contextWith({ servicePrincipalObjectId: null, tenantId: null, mailbox: '' })
    const text = diagnose(refused, context).commands.map((command) => command.text)
    expect(text).toContain("Connect-ExchangeOnline -Organization '<Directory (tenant) ID>'")
    expect(text.join('\n')).toContain("-ObjectId '<Object ID of the enterprise application>'")
    expect(text.join('\n')).toContain("Get-Mailbox -Identity '<mailbox address>'")
  })

  it.each([
    ['usGovHigh', ' -ExchangeEnvironmentName O365USGovGCCHigh'],
    ['usGovDod', ' -ExchangeEnvironmentName O365USGovDoD'],
    ['china', ' -ExchangeEnvironmentName O365China'],
    ['worldwide', ''],
    ['custom', ''],
  ])('connects to Exchange of the cloud %s', (cloud, environment) => {
    const { commands } = diagnose(SWITCHED_OFF, contextWith({ cloud }))
    expect(commands[0]?.text).toBe(
      `Connect-ExchangeOnline -Organization 'contoso.onmicrosoft.com'${environment}`,
    )
  })

  it('does not read a value as a template', () => {
    expect(commandWith('{clientId}$&')).toContain("-Identity '{clientId}$&'")
  })
})

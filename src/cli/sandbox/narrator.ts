import { styleText } from 'node:util'
import type { Output } from '../command.ts'
import type { SandboxFacts } from './facts.ts'

/** Tells what happens: ticks and colours on a terminal, plain lines elsewhere, nothing where there is no output. */
export interface Narrator {
  heading(text: string): void
  done(what: string, evidence?: string): void
  failed(what: string, evidence: string): void
  warned(what: string, evidence?: string): void
  note(text: string): void
  /** As they are. */
  lines(texts: readonly string[]): void
  facts(facts: SandboxFacts, profileId: string): void
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan'

export function createNarrator(output: Output | null): Narrator {
  const coloured = output?.isTTY === true
  const paint = (style: Style, text: string) =>
    coloured ? styleText(style, text, { validateStream: false }) : text
  const mark = (style: Style, symbol: string, word: string) =>
    coloured ? paint(style, symbol) : word.padEnd(5)
  const line = (text: string) => output?.write(`${text}\n`)
  const step = (sign: string, what: string, evidence?: string) =>
    line(`  ${sign} ${what}${evidence ? paint('dim', `  ${evidence}`) : ''}`)

  return {
    heading: (text) => line(`\n${paint('bold', text)}`),
    done: (what, evidence) => step(mark('green', '✔', 'ok'), what, evidence),
    failed: (what, evidence) => step(mark('red', '✘', 'fail'), what, evidence),
    warned: (what, evidence) => step(mark('yellow', '!', 'warn'), what, evidence),
    note: (text) => line(`  ${text}`),
    lines: (texts) => texts.forEach(line),
    facts(facts, profileId) {
      const rows: readonly (readonly [string, string])[] = [
        ['API', `${facts.url}/api/v1`],
        ['API reference', `${facts.url}/docs`],
        ['Admin token', facts.adminToken ?? '(made before)'],
        ['Tenant control', `${facts.controlUrl}/state`],
        ['Inbox', `${facts.controlUrl}/inbox`],
        ['SMTP server', `${facts.smtp.host}:${facts.smtp.port} (STARTTLS, XOAUTH2)`],
        ['Mailbox', facts.mailbox],
      ]
      line(`\n${paint('bold', 'Ready. It goes on running with its schedules; Ctrl-C ends it.')}`)
      for (const [name, value] of rows) line(`  ${name.padEnd(15)} ${paint('cyan', value)}`)
      if (facts.adminToken === null) return
      const auth = `-H 'Authorization: Bearer ${facts.adminToken}'`
      line(`\n${paint('bold', 'Try the status that dashboards poll:')}`)
      line(`  curl -s ${auth} ${facts.url}/api/v1/status`)
      line(`\n${paint('bold', 'Or break something and see the diagnosis:')}`)
      line(
        `  curl -s -X PUT -H 'Content-Type: application/json' -d '{"tenant":{"smtpAuthDisabled":true}}' ${facts.controlUrl}/state`,
      )
      line(`  curl -s -X POST ${auth} ${facts.url}/api/v1/profiles/${profileId}/verify\n`)
    },
  }
}

import { styleText } from 'node:util'
import type { Output } from '../command.ts'
import type { RelayFacts, SandboxFacts } from './facts.ts'
import { TEST_RECIPIENT } from './profile.ts'
import { type RelayLogin, reachable } from './relay-tour.ts'

/** Tells what happens: ticks and colours on a terminal, plain lines elsewhere, nothing where there is no output. */
export interface Narrator {
  heading(text: string): void
  done(what: string, evidence?: string): void
  failed(what: string, evidence: string): void
  warned(what: string, evidence?: string): void
  note(text: string): void
  /** As they are. */
  lines(texts: readonly string[]): void
  /** `login`: at the relay; null where the tour made none. */
  facts(facts: SandboxFacts, known: { profileId: string; login: RelayLogin | null }): void
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
    facts(facts, { profileId, login }) {
      const { relay, mailbox } = facts
      const rows: readonly (readonly [string, string])[] = [
        ['API', `${facts.url}/api/v1`],
        ['API reference', `${facts.url}/docs`],
        ['Admin token', facts.adminToken ?? '(made before)'],
        ['Tenant control', `${facts.controlUrl}/state`],
        ['Inbox', `${facts.controlUrl}/inbox`],
        ['SMTP server', `${facts.smtp.host}:${facts.smtp.port} (STARTTLS, XOAUTH2)`],
        ['SMTP relay', relay === null ? '(not open)' : `${hostAndPort(relay)} (STARTTLS)`],
        ['Mailbox', mailbox],
      ]
      line(`\n${paint('bold', 'Ready. It goes on running with its schedules; Ctrl-C ends it.')}`)
      for (const [name, value] of rows) line(`  ${name.padEnd(15)} ${paint('cyan', value)}`)
      if (facts.adminToken === null) return
      const auth = `-H 'Authorization: Bearer ${facts.adminToken}'`
      line(`\n${paint('bold', 'Try the status that dashboards poll:')}`)
      line(`  curl -s ${auth} ${facts.url}/api/v1/status`)
      if (relay !== null && login !== null) {
        const server = `smtp://${hostAndPort(relay)} --ssl-reqd -k -u ${login.username}:${login.secret}`
        const headers = `-H 'From: ${mailbox}' -H 'Subject: Hello'`
        line(
          `\n${paint('bold', 'Send as an application that knows no OAuth, then read the inbox:')}`,
        )
        line(
          `  curl -s ${server} --mail-from ${mailbox} --mail-rcpt ${TEST_RECIPIENT} ${headers} -F '=Hello.'`,
        )
        line(`  curl -s ${facts.controlUrl}/inbox`)
      }
      line(`\n${paint('bold', 'Or break something and see the diagnosis:')}`)
      line(
        `  curl -s -X PUT -H 'Content-Type: application/json' -d '{"tenant":{"smtpAuthDisabled":true}}' ${facts.controlUrl}/state`,
      )
      line(`  curl -s -X POST ${auth} ${facts.url}/api/v1/profiles/${profileId}/verify\n`)
    },
  }
}

function hostAndPort({ host, port }: RelayFacts): string {
  const name = reachable(host)
  return `${name.includes(':') ? `[${name}]` : name}:${port}`
}

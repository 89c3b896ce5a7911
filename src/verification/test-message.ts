import { toIso, toRfc5322 } from '../platform/clock.ts'
import type { Profile } from '../profiles/index.ts'
import type { MailMessage } from '../smtp/index.ts'

/** What a test message says about the agent that sent it. */
export interface AgentIdentity {
  readonly version: string
  readonly hostname: string
}

/** A mail whose receiver can see at once what it is and that nothing has to be done. */
export function composeTestMessage(
  profile: Profile,
  to: string,
  facts: { now: number; agent: AgentIdentity },
): MailMessage {
  const { now, agent } = facts
  const { senderDisplayName, senderEmailAddress, server, subjectPrefix } = profile
  const rows = [
    ['Profile', profile.id],
    ['Sender', `${senderDisplayName} <${senderEmailAddress}>`],
    ['Server', `${server.host}:${server.port}`],
    ['Time', `${toRfc5322(now)} (UTC), ${toIso(now)}`],
    ['Sent by', `Postern ${agent.version} on ${agent.hostname}`],
  ] as const
  const opening = `This is a test email of Postern. It proves that the email settings of the profile ${profile.id} work.`
  const closing = 'Nothing has to be done: you can ignore or delete this email.'
  return {
    from: { name: senderDisplayName, address: senderEmailAddress },
    to: [to],
    subject: `${subjectPrefix}Test email from Postern (${profile.id})`,
    text: [opening, '', ...rows.map(([name, value]) => `${name}: ${value}`), '', closing, ''].join(
      '\n',
    ),
    html: [
      '<!doctype html>',
      '<html lang="en"><body style="font-family: sans-serif">',
      `<p>${escapeHtml(opening)}</p>`,
      '<table cellpadding="4">',
      ...rows.map(
        ([name, value]) =>
          `<tr><th align="left">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
      ),
      '</table>',
      `<p>${escapeHtml(closing)}</p>`,
      '</body></html>',
      '',
    ].join('\n'),
    // RFC 3834 §5: no vacation replies to a machine.
    headers: { 'Auto-Submitted': 'auto-generated' },
    date: now,
  }
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

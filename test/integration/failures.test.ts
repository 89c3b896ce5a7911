import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RESPONSIBLE_NAMES, type Responsible } from '../../src/diagnosis/index.ts'
import { MINUTE_MS } from '../../src/platform/clock.ts'
import { flat } from '../support/mail.ts'
import {
  type BrokenTenant,
  type Carrier,
  startBrokenTenant,
  startCarrier,
} from './broken-tenant.ts'
import {
  ENTRA_REFUSALS,
  ENTRA_TROUBLES,
  EXCHANGE_REFUSALS,
  type FailureRow,
  SMTP_TROUBLES,
} from './failure-rows.ts'

let carrier: Carrier
beforeAll(async () => {
  carrier = await startCarrier()
})
afterAll(() => carrier[Symbol.asyncDispose]())

const SHORT_MS = 1_500
const shortTimeouts = {
  outgoing: {
    httpsTimeoutMs: SHORT_MS,
    smtpTimeouts: {
      connectMs: SHORT_MS,
      greetingMs: SHORT_MS,
      commandMs: SHORT_MS,
      dataMs: SHORT_MS,
    },
  },
}

function startRow(row: FailureRow): Promise<BrokenTenant> {
  const { patch, profile, seed } = row
  const config = row.shortTimeouts ? shortTimeouts : undefined
  return startBrokenTenant({ carrier, patch, profile, seed, config })
}

const ROWS = [...ENTRA_REFUSALS, ...ENTRA_TROUBLES, ...EXCHANGE_REFUSALS, ...SMTP_TROUBLES]

describe.concurrent('every failure is told in the same words by report, status, alert, mail and test email', () => {
  it.each(ROWS)('$title', async (row) => {
    await using broken = await startRow(row)
    const { agent } = broken
    const sendTo = row.withMessage ? 'you@contoso.com' : undefined

    let report = await broken.verify(sendTo)
    if (row.passing) {
      // It may pass by itself: one time is no alert.
      expect(await broken.status()).toMatchObject({ health: 'warning', openAlerts: 0 })
      report = await broken.verify(sendTo)
    }
    expectVerdict(report, row)
    expect((await agent.call('GET', `reports/${report.id}`)).body).toEqual(report)

    const { code, summary, cause, responsible, remedy } = report.diagnosis
    expect(await broken.status()).toMatchObject({
      health: 'failing',
      openAlerts: 1,
      undeliveredAlerts: 0,
      independentAlertPath: true,
      problem: { code, summary, responsible, remedy },
    })
    const alert = await broken.openAlert()
    expect(alert).toMatchObject({ severity: 'critical', diagnosis: report.diagnosis })

    const mail = await carrier.mailTo(broken.errorAddress)
    expect(mail.subject).toMatch(/^\[Process\] /)
    const who = RESPONSIBLE_NAMES[responsible as Responsible]
    for (const body of [
      mail.text,
      mail.html.replaceAll(/<[^>]+>/g, ' ').replaceAll('&amp;', '&'),
    ]) {
      for (const words of [alert.summary, cause, who, remedy]) {
        expect(unquoted(body)).toContain(unquoted(words))
      }
    }
    expect(agent.logs.entries()).toContainEqual(
      expect.objectContaining({ msg: 'alert opened', summary: alert.summary }),
    )

    broken.passTime(5 * MINUTE_MS)
    const test = await broken.testEmail('you@contoso.com')
    expect(test.status).toBe(503)
    expect(test.body).toMatchObject({ code: 'test_email_failed', diagnosis: { code, responsible } })
    const told = `The test email was not sent. ${summary} ${remedy}`
    // RFC 2920: the commands of a mail go out together, so that nobody knows which of them broke the connection.
    expect(withoutStep(test.body.detail)).toBe(withoutStep(told))
  })
})

function withoutStep(text: string): string {
  return text.replace(/ \(step: [a-z]+\)/, '')
}

function unquoted(text: string): string {
  return flat(text.replaceAll(/&(quot|#39|lt|gt);|["'<>]/g, ' '))
}

/** The check that failed says why; those behind it were not tried. */
function expectVerdict(
  report: {
    outcome: string
    diagnosis: unknown
    checks: { name: string; outcome: string; diagnosis: unknown }[]
  },
  row: FailureRow,
): void {
  const at = report.checks.findIndex(({ outcome }) => outcome === 'failed')
  const { check: name, code, responsible } = row
  expect(report.checks[at]).toMatchObject({ name, diagnosis: { code, responsible } })
  expect(report.diagnosis).toEqual(report.checks[at]?.diagnosis)
  expect(report.outcome).toBe('failed')
  const before = report.checks.slice(0, at).map(({ outcome }) => outcome)
  expect(before.every((outcome) => outcome === 'ok')).toBe(true)
  const behind = report.checks.slice(at + 1).map(({ outcome }) => outcome)
  expect(behind.every((outcome) => outcome === 'skipped')).toBe(true)
}

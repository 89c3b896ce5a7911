import { CHAPTERS } from './catalogue.ts'
import { causeText } from './cause.ts'
import { fillCommand, fillText } from './fill.ts'
import { GUIDE_STEPS } from './guide-steps.ts'
import type { Evidence, Given, Match, Row } from './row.ts'
import { RESPONSIBLE_NAMES } from './sentence.ts'

const INTRODUCTION = `# Diagnosis catalogue

<!-- Generated from src/diagnosis/rows. Rewrite it with UPDATE_GOLDEN=1 npx vitest run test/unit/diagnosis -->

What Postern says when Microsoft, the network or the settings refuse something. The \`code\` is the same in the API, the
log, the console and every alert. The rows are tried from top to bottom; the first that fits is the answer. A number
after a code is the row of the support catalogue. Values such as \`<mailbox address>\` are filled in by
Postern; commands are shown here for the worldwide cloud.

Likely causes stand in the order of probability. What worked before with the same settings, the form of the stored
secret and what Microsoft Graph lists decide between them: then other causes come first, as “When …” shows.

Retry: **never** – a setting must change first; **transient** – Postern tries again soon; **propagation** – Microsoft is
still spreading a change, Postern waits; **quota** – Postern waits until a quota is free again.
`

/** What commands show for the cloud that most tenants live in. */
const WORLDWIDE = {
  portal: 'https://portal.azure.com',
  authority: 'https://login.microsoftonline.com',
  exchangeEnvironment: '',
}

function quoted(fragments: readonly string[] | undefined): string {
  return (fragments ?? []).map((fragment) => `“${fragment}”`).join(' or ')
}

function range(bounds: readonly [number, number] | undefined): string {
  if (bounds === undefined) return ''
  return bounds[0] === bounds[1] ? String(bounds[0]) : `${bounds[0]}–${bounds[1]}`
}

const PEER_NAMES = { entra: 'Entra', smtp: 'SMTP server', graph: 'Graph' } as const

const PHASE_NAMES = {
  dns: 'name not resolved',
  proxy: 'proxy fails',
  connect: 'no connection',
  tls: 'TLS fails',
  timeout: 'time-out',
  closed: 'connection broken',
  protocol: 'unreadable answer',
  redirect: 'redirect',
} as const

function describeGiven(given: Given | undefined): string {
  const { authentication, port, exchangeOnline, applicationRbac } = given ?? {}
  return [
    authentication === undefined ? '' : `with authentication ${authentication.join(' or ')}`,
    port === undefined ? '' : `on port ${port}`,
    exchangeOnline ? 'from Exchange Online' : '',
    applicationRbac ? 'with application RBAC' : '',
  ].join(' ')
}

function partsOf(match: Match): readonly string[] {
  switch (match.source) {
    case 'settings':
      return match.problems
    case 'claims':
      return [`token: ${match.problems.join(', ')}`]
    case 'smtp_offer':
      return [match.problems.join(', '), describeGiven(match.given)]
    case 'transport':
      return [
        match.peers === undefined
          ? ''
          : `${match.peers.map((peer) => PEER_NAMES[peer]).join(' or ')}:`,
        (match.phases ?? []).map((phase) => PHASE_NAMES[phase]).join(' or '),
        match.inspected ? 'and the certificate was made on the way' : '',
        match.steps === undefined ? '' : `at the step ${match.steps.join(' or ')}`,
        (match.codes ?? []).join(', '),
        quoted(match.fragments),
        describeGiven(match.given),
      ]
    case 'entra':
      return [
        (match.codes ?? []).map((code) => `AADSTS${code}`).join(', '),
        match.status === undefined ? '' : `HTTP ${range(match.status)}`,
        (match.errors ?? []).join(', '),
        quoted(match.fragments),
        match.withoutCode ? 'without AADSTS number' : '',
      ]
    case 'smtp':
      return [
        range(match.codes),
        (match.enhanced ?? []).map((code) => code ?? 'no enhanced code').join(', '),
        quoted(match.fragments),
        describeGiven(match.given),
      ]
    case 'graph':
      return [
        'Graph:',
        match.status === undefined ? '' : `HTTP ${range(match.status)}`,
        (match.codes ?? []).join(', '),
        quoted(match.fragments),
      ]
  }
}

function describeMatch(match: Match): string {
  const text = partsOf(match).join(' ').replace(/\s+/g, ' ').trim()
  return text === '' ? 'anything else' : text
}

function cell(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\n', ' ')
}

function retryOf(row: Row): string {
  if (row.propagationMinutes === undefined) return row.retry
  return `${row.retry}; propagation for ${row.propagationMinutes} minutes after a change`
}

const FORM_OF_EVIDENCE = {
  listed: 'the app registration lists a secret that begins like it',
  hintMismatch: 'the app registration lists no secret that begins like it',
  missing: 'the app registration does not list the secret any more',
} as const

function describeEvidence(evidence: Evidence): string {
  const { registrationKnown, workedBefore, secretLooksLikeId, storedSecret } = evidence
  return [
    workedBefore ? 'it worked before with the same settings' : '',
    secretLooksLikeId ? 'the stored secret has the form of an ID' : '',
    storedSecret === undefined ? '' : FORM_OF_EVIDENCE[storedSecret],
    registrationKnown ? 'Microsoft Graph tells the app registration’s Object ID' : '',
  ]
    .filter((text) => text !== '')
    .join(' and ')
}

function meaningOf({ summary, causes, note = '', variants = [] }: Row): string {
  const more = variants.map(
    ({ when, causes: others }) => `When ${describeEvidence(when)}: ${causeText(others)}`,
  )
  const beside = note.replace(/(^| )Detail: \{detail\}$/, '')
  return [summary, causeText(causes), beside, ...more].filter((text) => text !== '').join(' ')
}

function tableLine(row: Row): string {
  const number = row.row === null ? '' : ` (${row.row})`
  const step = row.guideStep === null ? '' : ` Guide: ${GUIDE_STEPS[row.guideStep]}.`
  const cells = [
    row.match.map(describeMatch).join('; ') || 'anything else',
    fillText(meaningOf(row), {}),
    RESPONSIBLE_NAMES[row.responsible],
    `${fillText(row.remedy, {})}${step}`,
    retryOf(row),
  ]
  return `| \`${row.code}\`${number} | ${cells.map(cell).join(' | ')} |`
}

/** Rows with the same commands share one entry. */
function commandEntries(rows: readonly Row[]): string[] {
  const codesOf = new Map<string, string[]>()
  for (const row of rows.filter((candidate) => candidate.commands.length > 0)) {
    const blocks = row.commands.map((command) => {
      const { shell, text } = fillCommand(command, WORLDWIDE)
      return `\`\`\`${shell === 'url' ? 'text' : shell}\n${text}\n\`\`\``
    })
    const key = blocks.join('\n')
    codesOf.set(key, [...(codesOf.get(key) ?? []), `\`${row.code}\``])
  }
  return [...codesOf].map(([blocks, codes]) => `${codes.join(', ')}:\n\n${blocks}`)
}

/** The text of docs/diagnosis.md. */
export function renderCatalogue(): string {
  const chapters = CHAPTERS.map(({ title, rows }) => {
    const commands = commandEntries(rows)
    return [
      `## ${title}\n`,
      '| Code | Answer | What it means | Who must act | What to do | Retry |',
      '|---|---|---|---|---|---|',
      ...rows.map(tableLine),
      ...(commands.length === 0 ? [] : [`\n### Commands: ${title}\n`, commands.join('\n\n')]),
    ].join('\n')
  })
  return `${INTRODUCTION}\n${chapters.join('\n\n')}\n`
}

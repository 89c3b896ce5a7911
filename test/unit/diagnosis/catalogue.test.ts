import { readFileSync, writeFileSync } from 'node:fs'
import { Value } from 'typebox/value'
import { describe, expect, it } from 'vitest'
import { renderCatalogue } from '../../../src/diagnosis/catalogue-doc.ts'
import { isPlaceholder } from '../../../src/diagnosis/fill.ts'
import {
  CATALOGUE,
  Diagnosis,
  diagnose,
  diagnosisSentence,
  RESPONSIBLE_NAMES,
  type Row,
} from '../../../src/diagnosis/index.ts'
import { contextWith } from './samples.ts'
import { ENTRA_SAMPLES } from './samples-entra.ts'
import { GRAPH_SAMPLES } from './samples-graph.ts'
import { NETWORK_SAMPLES } from './samples-network.ts'
import { SMTP_SAMPLES } from './samples-smtp.ts'
import { SMTP_AUTH_SAMPLES } from './samples-smtp-auth.ts'

const SAMPLES = [
  ...NETWORK_SAMPLES,
  ...ENTRA_SAMPLES,
  ...SMTP_AUTH_SAMPLES,
  ...SMTP_SAMPLES,
  ...GRAPH_SAMPLES,
]

describe('every answer gets its diagnosis', () => {
  it.each(
    SAMPLES.map((sample, index) => ({ ...sample, title: `${sample.code} (sample ${index})` })),
  )('$title', (sample) => {
    const diagnosis = diagnose(sample.failure, contextWith(sample.context))
    const { code, row, retry, responsible } = diagnosis
    expect({ code, row, retry, responsible }).toEqual({
      code: sample.code,
      row: sample.row,
      retry: sample.retry,
      responsible: sample.responsible,
    })
    expect(Value.Check(Diagnosis, diagnosis)).toBe(true)
    const words = `${diagnosis.summary} ${diagnosis.cause} ${diagnosis.remedy}`
    for (const part of sample.says ?? []) expect(words).toContain(part)
    const commands = diagnosis.commands.map((command) => command.text).join('\n')
    for (const part of sample.commands ?? []) expect(commands).toContain(part)
    const everything = `${words}\n${commands}`
    expect(everything).not.toMatch(/\{[a-zA-Z]+\}|<[A-Z a-z()]+>/)
  })
})

/** The row's own words and those of each of its variants. */
function wordingsOf(row: Row) {
  return [row, ...(row.variants ?? []).map((variant) => ({ ...row, ...variant }))]
}

function sentencesOf(row: Row): string[] {
  return wordingsOf(row).flatMap(({ summary, causes, note, remedy }) => [
    summary,
    ...causes,
    remedy,
    ...(note === undefined ? [] : [note]),
  ])
}

describe('the catalogue', () => {
  it('names a likely cause for every answer that it knows, and none for one that it does not', () => {
    for (const row of CATALOGUE) {
      const unknown = row.code.includes('answer_unknown')
      expect(row.causes.length > 0, row.code).toBe(!unknown)
      expect(new Set(row.causes).size, row.code).toBe(row.causes.length)
    }
  })

  it('has each code once, in snake_case', () => {
    const codes = CATALOGUE.map((row) => row.code)
    expect(new Set(codes).size).toBe(codes.length)
    for (const code of codes) expect(code).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
  })

  it('has no row that no sample reaches', () => {
    const reached = new Set(SAMPLES.map((sample) => sample.code))
    expect(CATALOGUE.map((row) => row.code).filter((code) => !reached.has(code))).toEqual([])
  })

  it('covers every row of the support catalogue', () => {
    const numbers = new Set(CATALOGUE.map((row) => row.row))
    const missing = Array.from({ length: 52 }, (_, index) => index + 1).filter(
      (number) => !numbers.has(number),
    )
    expect(missing).toEqual([])
  })

  it('uses only known placeholders, and in commands never inside quotes', () => {
    for (const row of CATALOGUE) {
      const commands = wordingsOf(row).flatMap((words) => words.commands.map(({ text }) => text))
      for (const text of [...sentencesOf(row), ...commands]) {
        for (const [, name = ''] of text.matchAll(/\{([a-zA-Z]+)\}/g)) {
          expect(isPlaceholder(name), `${row.code}: {${name}}`).toBe(true)
        }
      }
      for (const text of commands) expect(text).not.toMatch(/'[^']*\{[a-zA-Z]+\}[^']*'|"/)
    }
  })

  it('says in each remedy who must act', () => {
    for (const row of CATALOGUE) {
      for (const { remedy, responsible } of wordingsOf(row)) {
        expect(remedy.toLowerCase(), row.code).toContain(
          RESPONSIBLE_NAMES[responsible].toLowerCase(),
        )
      }
    }
  })

  it('writes whole sentences', () => {
    for (const row of CATALOGUE) {
      for (const text of sentencesOf(row)) {
        expect(text, row.code).toMatch(/([.!]|\{(answer|detail|certificate)\})$/)
      }
    }
  })

  it('shows Exchange cmdlets only after the command that connects', () => {
    for (const row of CATALOGUE) {
      const cmdlets = row.commands.filter((command) =>
        /(Get|Set|Add|New|Test)-(CASMailbox|Mailbox|ServicePrincipal|RecipientPermission|AcceptedDomain)/.test(
          command.text,
        ),
      )
      if (cmdlets.length === 0) continue
      expect(row.commands[0]?.text, row.code).toContain('Connect-ExchangeOnline')
    }
  })

  it('is what docs/diagnosis.md shows', () => {
    const file = new URL('../../../docs/diagnosis.md', import.meta.url)
    const text = renderCatalogue()
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('makes one sentence of a diagnosis', () => {
    const sample = SAMPLES[0]
    if (sample === undefined) throw new Error('there are samples')
    const diagnosis = diagnose(sample.failure, contextWith())
    expect(diagnosisSentence(diagnosis)).toBe(
      'The email settings cannot work as they are. The operator of Postern corrects the fields and saves the settings.',
    )
  })
})

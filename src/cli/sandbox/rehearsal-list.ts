import type { Clock } from '../../platform/clock.ts'
import { PosternError } from '../../platform/errors.ts'
import { createTenant, type Rehearsal, type RehearsalNeed } from '../../sandbox/index.ts'
import { nearest } from '../nearest.ts'

/** Of the state that a sandbox starts with. */
export async function readRehearsals(clock: Clock): Promise<readonly Rehearsal[]> {
  const tenant = await createTenant({ clock })
  return tenant.rehearsals()
}

export function chooseRehearsal(rehearsals: readonly Rehearsal[], code: string): Rehearsal {
  const found = rehearsals.find((rehearsal) => rehearsal.code === code)
  if (found !== undefined) return found
  const alike = nearest(
    code,
    rehearsals.map((rehearsal) => rehearsal.code),
  )
  const hint = alike.length === 0 ? '' : ` Did you mean ${alike.join(' or ')}?`
  throw new PosternError(
    `sandbox: there is no rehearsal "${code}".${hint} postern sandbox --rehearsals lists them all.`,
    { kind: 'invalid', code: 'usage' },
  )
}

export function rehearsalsForJson(rehearsals: readonly Rehearsal[]): unknown {
  return rehearsals.map((rehearsal) => ({ ...rehearsal, does: describeChange(rehearsal) }))
}

export function renderRehearsals(rehearsals: readonly Rehearsal[]): string {
  const width = Math.max(...rehearsals.map(({ code }) => code.length)) + 2
  const indent = ' '.repeat(width)
  const lines = rehearsals.map((rehearsal) => {
    const { code, title } = rehearsal
    return [`${code.padEnd(width)}${title}`, `${indent}${describe(rehearsal)}`].join('\n')
  })
  return `${lines.join('\n')}\n\nStart one with postern sandbox --rehearse CODE.\n`
}

const NEEDS: Readonly<Record<RehearsalNeed, string>> = {
  basic: 'met by a profile with user name and password',
  certificate: 'met by a profile with a certificate',
  applicationRbac: 'met by a profile with application RBAC',
  graph: 'met by the renewal of the secret',
  renewal: 'met by the renewal of the secret',
}

/** What it changes in the tenant, and who meets it. */
function describe(rehearsal: Rehearsal): string {
  const { needs, needsMessage } = rehearsal
  return [
    describeChange(rehearsal),
    ...(needs === null ? [] : [NEEDS[needs]]),
    ...(needsMessage ? ['met only by a message that is really sent'] : []),
  ].join('; ')
}

/** The merge patch in words: `sets tenant.smtpAuthDisabled to true`. */
export function describeChange({ patch }: Pick<Rehearsal, 'patch'>): string {
  return changesOf(patch, []).join(', ')
}

const LONGEST_VALUE = 80

function changesOf(value: unknown, path: readonly string[]): readonly string[] {
  const name = path.join('.')
  if (value === null) return [`removes ${name}`]
  if (typeof value === 'object' && !Array.isArray(value)) {
    const members = Object.entries(value)
    // Every entry of a map that has none yet.
    if (members.length === 0) return [`changes each of ${name}`]
    return members.flatMap(([key, member]) => changesOf(member, [...path, key]))
  }
  const text = JSON.stringify(value)
  const shown = text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE - 1)}…`
  return [`sets ${name} to ${shown}`]
}

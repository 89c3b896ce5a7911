import type { FieldProblem } from '../platform/errors.ts'
import type { Memory } from './memory.ts'
import { type Change, type PlanDeps, planChange } from './plan-change.ts'
import type { DesiredPlan } from './profile.ts'
import { profileInvalid } from './refusals.ts'
import { validateProfile } from './validate.ts'

export interface DesiredChanges {
  readonly changes: readonly Change[]
  readonly plan: DesiredPlan
}

/**
 * What has to be done so that the managed profiles are exactly `inputs`. An unmanaged profile of the same id is taken
 * over; other unmanaged ones are left alone. Throws profile_invalid with fields such as `profiles[0].server.port`.
 */
export async function planDesiredState(
  deps: PlanDeps & { memory: Memory },
  inputs: readonly unknown[],
): Promise<DesiredChanges> {
  const { memory } = deps
  const problems: FieldProblem[] = []
  const changes: Change[] = []
  const unchanged: string[] = []
  const wanted = new Set<string>()

  for (const [index, input] of inputs.entries()) {
    const tell = (found: readonly FieldProblem[]) => {
      for (const { field, message } of found) {
        const place = `profiles[${index}]`
        problems.push({ field: field === '' ? place : `${place}.${field}`, message })
      }
    }
    const checked = validateProfile(input, deps)
    tell(checked.problems)
    const { draft } = checked
    if (draft === undefined) continue
    if (wanted.has(draft.id)) {
      tell([
        { field: 'id', message: `The id “${draft.id}” is used twice: give each profile its own.` },
      ])
      continue
    }
    wanted.add(draft.id)
    const planned = await planChange(deps, draft, memory.find(draft.id), {
      managed: true,
      typedDateYields: true,
    })
    tell(planned.problems)
    const { change } = planned
    if (change === undefined) continue
    if (change.kind === 'change' && change.fields.length === 0) unchanged.push(draft.id)
    else changes.push(change)
  }
  if (problems.length > 0) throw profileInvalid(problems)

  const removed = memory
    .stored()
    .filter(({ profile }) => profile.managed && !wanted.has(profile.id))
    .map((before) => ({ kind: 'remove' as const, before }))
  // First what goes, then what comes: the order in which a reader of the audit expects it.
  const all = [...removed, ...changes]
  return { changes: all, plan: { ...summaryOf(all), unchanged } }
}

function summaryOf(changes: readonly Change[]): Omit<DesiredPlan, 'unchanged'> {
  return {
    create: changes.flatMap((c) => (c.kind === 'create' ? [c.after.profile.id] : [])),
    change: changes.flatMap((c) =>
      c.kind === 'change' ? [{ id: c.after.profile.id, fields: c.fields }] : [],
    ),
    remove: changes.flatMap((c) => (c.kind === 'remove' ? [c.before.profile.id] : [])),
  }
}

import type { FieldProblem } from '../platform/errors.ts'

/** An input can hold thousands of wrong fields; nobody reads more than these. */
const MOST_PROBLEMS = 50

/** Where the rules put what they find wrong, so that every problem is told at once. */
export interface Findings {
  /** The first ones, and how many more there are. */
  readonly problems: readonly FieldProblem[]
  problem(field: string, message: string): void
}

export function createFindings(): Findings {
  const problems: FieldProblem[] = []
  let more = 0
  return {
    get problems() {
      return more === 0 ? problems : [...problems, { field: '', message: `And ${more} more.` }]
    },
    problem(field, message) {
      if (problems.length < MOST_PROBLEMS) problems.push({ field, message })
      else more++
    },
  }
}

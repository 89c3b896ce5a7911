import type { FieldProblem } from '../platform/errors.ts'

/** Where the rules put what they find wrong, so that every problem is told at once. */
export interface Findings {
  readonly problems: readonly FieldProblem[]
  problem(field: string, message: string): void
}

export function createFindings(): Findings {
  const problems: FieldProblem[] = []
  return {
    problems,
    problem(field, message) {
      problems.push({ field, message })
    },
  }
}

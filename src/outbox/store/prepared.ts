import type { Compilable, CompiledQuery, Kysely } from 'kysely'
import { statementOf, type Tables } from '../../storage/index.ts'

/** A query that was compiled once and runs with other values each time, in the transaction that is open, if any. */
export type Prepared<Values, Row> = (values: Values) => readonly Row[]

/**
 * Compiling, and what comes with each execution, is what Kysely spends most of its time on: the queries of every message
 * are compiled once and run without it. `markers` stand for the values while that is done: each of them must be unlike the
 * others and unlike every constant.
 */
export function prepare<Values extends object, Row>(
  db: Kysely<Tables>,
  markers: Values,
  build: (markers: Values) => Compilable<Row>,
): Prepared<Values, Row> {
  const compiled: CompiledQuery<Row> = build(markers).compile()
  // SQLite plans a statement anew for each other value of a parameter that stands alone beside an indexed column
  // (sqlite.org/c3ref/prepare.html, SQLITE_ENABLE_STAT4); the plus, which changes no value, keeps the first plan.
  const sql = compiled.sql.replaceAll('?', '+?')
  const names: (keyof Values)[] = []
  for (const name in markers) names.push(name)
  const slots = compiled.parameters.map((parameter) => {
    const name = names.find((candidate) => markers[candidate] === parameter)
    return name === undefined ? () => parameter : (values: Values) => values[name]
  })
  const query: CompiledQuery<Row> = { ...compiled, sql }
  const run = statementOf(db, query)
  return (values) => run(slots.map((slot) => slot(values)))
}

/** Markers: no message, profile or instant looks like them. */
export function textMarker(name: string): string {
  return `\u0000${name}`
}

export function numberMarker(index: number): number {
  return -1e15 - index
}

/** One line of the table. A time that depends on the machine is a ratio to a bare baseline of the same run. */
export interface Figure {
  readonly measure: string
  readonly value: number
  readonly unit: Unit
  readonly target: Target
  /** What stands behind the figure, such as both sides of a ratio. */
  readonly detail: string
}

export type Unit = '×' | 'ms' | 's' | 'MB' | '%' | 'connections' | 'messages'
export type Target = { readonly atMost: number } | { readonly atLeast: number }

export interface Measure {
  readonly name: string
  run(say: Say): Promise<readonly Figure[]>
}

/** Tells on standard error what is going on, so that standard output holds the result alone. */
export type Say = (text: string) => void

export function isReached({ value, target }: Figure): boolean {
  return 'atMost' in target ? value <= target.atMost : value >= target.atLeast
}

export function renderTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.measure,
    amount(figure.value, figure.unit),
    'atMost' in figure.target
      ? `≤ ${amount(figure.target.atMost, figure.unit)}`
      : `≥ ${amount(figure.target.atLeast, figure.unit)}`,
    isReached(figure) ? 'yes' : 'NO',
    figure.detail,
  ])
  const all = [['Measure', 'Figure', 'Target', 'Reached', 'Detail'], ...rows]
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  )
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function renderJson(figures: readonly Figure[], machine: object): string {
  const measures = figures.map((figure) => ({ ...figure, reached: isReached(figure) }))
  return JSON.stringify({ machine, measures }, null, 2)
}

function amount(value: number, unit: Unit): string {
  return `${digits(value)} ${unit}`
}

/** Three digits that matter are what such a figure is worth. */
export function digits(value: number): string {
  if (Number.isInteger(value)) return String(value)
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** The nearest-rank percentile; `share` from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new Error('there is nothing to take a percentile of')
  return value
}

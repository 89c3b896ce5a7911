/** The names most like the given one, best first: for “did you mean”. Names are words joined by underscores. */
export function nearest(wanted: string, names: readonly string[], most = 3): readonly string[] {
  const given = wanted.toLowerCase()
  return names
    .map((name) => ({ name, unlikeness: unlikeness(given, name) }))
    .filter((each) => each.unlikeness <= LEAST_ALIKE)
    .toSorted((a, b) => a.unlikeness - b.unlikeness)
    .slice(0, most)
    .map(({ name }) => name)
}

const LEAST_ALIKE = 0.5

/** 0: the same, 1: nothing in common. Mistyped letters, or other words of which some are right. */
function unlikeness(given: string, name: string): number {
  const letters = editDistance(given, name) / Math.max(given.length, name.length)
  const words = given.split(/[^a-z0-9]+/).filter((word) => word.length > 2)
  const missing = words.filter((word) => !name.includes(word)).length
  // Between names that have the same words, the letters decide.
  const byWords = words.length === 0 ? 1 : (missing + letters / 2) / words.length
  return Math.min(letters, byWords)
}

/** Levenshtein: how many letters must be added, removed or changed. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1]
    for (const [index, otherLetter] of [...other].entries()) {
      const changed = (row[index] ?? 0) + (letter === otherLetter ? 0 : 1)
      next.push(Math.min(changed, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

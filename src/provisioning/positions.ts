import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml'

/** Where in the YAML text a field such as `profiles[0].server.port` stands. */
export interface Positions {
  /** `7:5`, of the field's key, or of the nearest thing around it that exists. */
  of(field: string): string
  /** `7:5` of an offset in the text. */
  at(offset: number): string
  /** The value of a field, aliases followed. */
  nodeOf(field: string): Node | undefined
}

/** A secret that was read from a file is named where its file is named. */
const FILE_TWINS: Readonly<Record<string, string>> = {
  value: 'valueFile',
  password: 'passwordFile',
}

interface Found {
  readonly node: Node | undefined
  readonly offset: number
  /** Whether every step of the path exists. */
  readonly complete: boolean
}

export function createPositions(document: Document.Parsed, lines: LineCounter): Positions {
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${Math.max(line, 1)}:${Math.max(col, 1)}`
  }

  const find = (field: string): Found => {
    const steps = field.match(/[^.[\]]+/g) ?? []
    let node = follow(document.contents)
    let offset = node?.range?.[0] ?? 0
    for (const [index, step] of steps.entries()) {
      const next = enter(node, step, steps.slice(index).join('.'))
      if (next === undefined) return { node: undefined, offset, complete: false }
      offset = next.offset
      node = follow(next.value)
    }
    return { node, offset, complete: true }
  }

  const follow = (node: unknown): Node | undefined => {
    if (isAlias(node)) return node.resolve(document)
    return isMap(node) || isSeq(node) || isScalar(node) ? node : undefined
  }

  return {
    at,
    of: (field) => at(find(field).offset),
    nodeOf(field) {
      const found = find(field)
      return found.complete ? found.node : undefined
    },
  }
}

function enter(
  node: Node | undefined,
  step: string,
  rest: string,
): { value: unknown; offset: number } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(step)]
    return isNode(item) ? { value: item, offset: item.range?.[0] ?? 0 } : undefined
  }
  if (!isMap(node)) return undefined
  // A key may itself contain dots, which a field path cannot tell from its steps.
  for (const name of [step, rest, FILE_TWINS[step]]) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name)
    if (pair !== undefined && isScalar(pair.key)) {
      return { value: pair.value, offset: pair.key.range?.[0] ?? 0 }
    }
  }
  return undefined
}

function isNode(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value)
}

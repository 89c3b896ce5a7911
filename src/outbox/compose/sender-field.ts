/**
 * Every address that a From or Sender field names (RFC 5322 §3.6.2), lower case; undefined when it is not written in a
 * way that every program reads alike. An address that stands in a display name counts, too: some would show it.
 * `value`: unfolded.
 */
export function readSenderField(value: string): readonly string[] | undefined {
  const items = splitItems(value)
  if (items === undefined) return undefined
  const found: string[] = []
  for (const { plain, angle } of items) {
    if (angle === null) {
      const address = readAddress(plain)
      if (address === undefined) return undefined
      found.push(address)
      continue
    }
    const address = readAddress(angle)
    if (address === undefined) return undefined
    found.push(address)
    for (const word of plain.split(/\s+/)) {
      if (!word.includes('@')) continue
      const other = readAddress(word)
      if (other === undefined) return undefined
      found.push(other)
    }
  }
  return found.length === 0 ? undefined : found
}

/** One address, without comments, quotes, routes or groups. */
const ADDRESS =
  /^[^\s@<>(),;:"\\[\]\p{Cc}]+@(?:[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*|\[[0-9a-f:.]+\])$/u

function readAddress(text: string): string | undefined {
  const address = text.trim().toLowerCase()
  return ADDRESS.test(address) ? address : undefined
}

interface Item {
  /** Outside angle brackets, without quoted strings and comments. */
  readonly plain: string
  /** Between them; null: there are none. */
  readonly angle: string | null
}

/** The parts between the commas. Undefined: brackets or quotes that do not match, a group, or text behind an address. */
function splitItems(value: string): readonly Item[] | undefined {
  const items: Item[] = []
  let plain = ''
  let angle: string | null = null
  let isInAngle = false
  const finish = () => {
    items.push({ plain, angle })
    plain = ''
    angle = null
  }
  for (let at = 0; at < value.length; at++) {
    const character = value[at] ?? ''
    if (isInAngle) {
      if (character === '>') isInAngle = false
      else if ('<("'.includes(character)) return undefined
      else angle = `${angle}${character}`
      continue
    }
    if (character === '"' || character === '(') {
      const end = character === '"' ? endOfQuoted(value, at) : endOfComment(value, at)
      if (end === undefined) return undefined
      // Some programs read no comments: what stands in one would be an address for them.
      if (character === '(' && /[<>@]/.test(value.slice(at, end))) return undefined
      at = end
      plain += ' '
    } else if (character === '<') {
      if (angle !== null) return undefined
      angle = ''
      isInAngle = true
    } else if (character === ',') finish()
    else if (')>:;\\'.includes(character)) return undefined
    else if (angle !== null && character.trim() !== '') return undefined
    else plain += character
  }
  if (isInAngle) return undefined
  finish()
  return items
}

function endOfQuoted(value: string, start: number): number | undefined {
  for (let at = start + 1; at < value.length; at++) {
    if (value[at] === '\\') at++
    else if (value[at] === '"') return at
  }
  return undefined
}

function endOfComment(value: string, start: number): number | undefined {
  let depth = 0
  for (let at = start; at < value.length; at++) {
    if (value[at] === '\\') at++
    else if (value[at] === '(') depth++
    else if (value[at] === ')') {
      depth--
      if (depth === 0) return at
    }
  }
  return undefined
}

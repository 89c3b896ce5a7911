/** What a PowerShell script is made of, as its tokenizer sees strings, comments and brackets. */
export interface PowerShellParts {
  /** Contents of the single-quoted strings, quotes undoubled. */
  readonly strings: readonly string[]
  /** Everything outside of strings and comments; a double-quoted string leaves `""`. */
  readonly code: string
}

const SINGLE = /['\u2018-\u201b]/
const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '{': '}', '[': ']' }

/** Throws at an unterminated string or comment and at a bracket that has no partner. */
export function readPowerShell(script: string): PowerShellParts {
  const strings: string[] = []
  const open: string[] = []
  let code = ''
  let at = 0

  const fail = (what: string) => {
    const line = script.slice(0, at).split('\n').length
    throw new Error(`${what} at line ${line}`)
  }

  function readSingle(): void {
    let value = ''
    for (at++; at < script.length; at++) {
      if (!SINGLE.test(script[at] ?? '')) value += script[at]
      else if (SINGLE.test(script[at + 1] ?? '')) value += script[at++]
      else {
        at++
        strings.push(value)
        code += "''"
        return
      }
    }
    fail('a single-quoted string does not end')
  }

  /** Inside, $( … ) holds code again. */
  function readDouble(): void {
    for (at++; at < script.length; at++) {
      const char = script[at]
      if (char === '`') at++
      else if (char === '$' && script[at + 1] === '(') {
        at += 2
        readCode(')')
        at--
      } else if (char === '"') {
        if (script[at + 1] !== '"') {
          at++
          code += '""'
          return
        }
        at++
      }
    }
    fail('a double-quoted string does not end')
  }

  /** Up to the closer, which is eaten; without one, to the end of the script. */
  function readCode(closer?: string): void {
    const depth = open.length
    while (at < script.length) {
      const char = script[at] ?? ''
      if (script.startsWith('<#', at)) {
        const end = script.indexOf('#>', at)
        if (end < 0) fail('a comment does not end')
        at = end + 2
      } else if (char === '#') {
        const end = script.indexOf('\n', at)
        at = end < 0 ? script.length : end
      } else if (SINGLE.test(char)) readSingle()
      else if (char === '"') readDouble()
      else if (char === closer && open.length === depth) {
        at++
        return
      } else {
        if (char in CLOSERS) open.push(CLOSERS[char] ?? '')
        else if (Object.values(CLOSERS).includes(char) && open.pop() !== char) {
          fail(`${char} has no partner`)
        }
        code += char
        at++
      }
    }
    if (closer !== undefined) fail(`${closer} is missing`)
  }

  readCode()
  if (open.length > 0) fail(`${open.at(-1)} is missing`)
  return { strings, code }
}

import { EX, SendmailStop, type Sysexit } from './sysexits.ts'

/** What a command line of sendmail asks for. */
export interface SendmailRequest {
  readonly recipients: readonly string[]
  /** -t: those of the header, too. */
  readonly fromHeader: boolean
  /** -i: a line with a dot alone is a line like any other. */
  readonly ignoreDots: boolean
  /** -f; empty: the null reverse-path. */
  readonly sender: string | undefined
  /** -F */
  readonly fullName: string | undefined
  readonly profileId: string | undefined
  /** -N, as NOTIFY has it. */
  readonly notify: string | null
  readonly ret: 'FULL' | 'HDRS' | null
  readonly envid: string | null
}

/** Something that needs no message: the sentence, and how to end. */
export interface NothingToSend {
  readonly sentence: string
  readonly exitCode: Sysexit
}

/** As in getopt: the value stands behind the letter, or is the next argument. */
const WITH_VALUE = new Set('ABCDFLNORVXbefhopr')
/** The value, where there is one, stands behind the letter. */
const MAYBE_WITH_VALUE = new Set('qd')
const WITHOUT_VALUE = new Set('GIUcimnstvx')

/** Options, and what is none, in the order in which they stand; options may follow recipients. Throws usage. */
export function readArguments(argv: readonly string[]): SendmailRequest | NothingToSend {
  const options: [string, string][] = []
  const recipients: string[] = []
  const rest = [...argv]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') recipients.push(...rest.splice(0))
    else if (arg.startsWith('--')) options.push(longOption(arg, rest))
    else if (arg.startsWith('-') && arg.length > 1) options.push(...cluster(arg.slice(1), rest))
    else recipients.push(arg)
  }
  return otherMode(options) ?? requestOf(options, recipients)
}

function longOption(arg: string, rest: string[]): [string, string] {
  const [name, value] = arg.split(/=(.*)/s)
  if (name !== '--profile') throw usage(`there is no option ${name}`)
  return ['profile', value ?? takeValue('--profile', rest)]
}

function cluster(letters: string, rest: string[]): [string, string][] {
  const options: [string, string][] = []
  for (let i = 0; i < letters.length; i++) {
    const letter = letters.charAt(i)
    const attached = letters.slice(i + 1)
    if (WITHOUT_VALUE.has(letter)) {
      options.push([letter, ''])
    } else if (MAYBE_WITH_VALUE.has(letter)) {
      return [...options, [letter, attached]]
    } else if (WITH_VALUE.has(letter)) {
      return [...options, [letter, attached === '' ? takeValue(`-${letter}`, rest) : attached]]
    } else {
      throw usage(`there is no option -${letter}`)
    }
  }
  return options
}

function takeValue(name: string, rest: string[]): string {
  const value = rest.shift()
  if (value === undefined) throw usage(`${name} needs a value`)
  return value
}

/** Modes of a mail server, which Postern does without. */
const MODES: Readonly<Record<string, NothingToSend>> = {
  i: { sentence: 'there are no aliases to rebuild: nothing was done.', exitCode: EX.ok },
  I: { sentence: 'there are no aliases to rebuild: nothing was done.', exitCode: EX.ok },
  q: { sentence: 'the agent sends what waits by itself: nothing was done.', exitCode: EX.ok },
  p: {
    sentence: 'the waiting mail is listed by GET /api/v1/messages?state=queued,deferred,held.',
    exitCode: EX.unavailable,
  },
  s: {
    sentence:
      'SMTP on standard input is not offered: hand the message in without -bs, or send it to the relay.',
    exitCode: EX.usage,
  },
}

function otherMode(options: readonly [string, string][]): NothingToSend | undefined {
  for (const [letter, value] of options) {
    const mode = letter === 'b' ? value.charAt(0) : letter
    if ((letter === 'b' && mode !== 'm') || letter === 'q' || letter === 'I') {
      return (
        MODES[mode] ?? {
          sentence: `the mode -b${mode} is not offered: messages are taken with -bm, the default.`,
          exitCode: EX.usage,
        }
      )
    }
  }
  return undefined
}

function requestOf(
  options: readonly [string, string][],
  recipients: readonly string[],
): SendmailRequest {
  const last = (...letters: string[]) =>
    options.findLast(([letter]) => letters.includes(letter))?.[1]
  const has = (letter: string) => options.some(([known]) => known === letter)
  return {
    recipients,
    fromHeader: has('t'),
    ignoreDots: has('i') || options.some(([l, v]) => l === 'o' && v === 'i'),
    sender: bare(last('f', 'r')),
    fullName: nonEmpty(last('F')),
    profileId: nonEmpty(last('profile')),
    notify: readNotify(last('N')),
    ret: readRet(last('R')),
    envid: readEnvid(last('V')),
  }
}

/** `<ada@example.com>` is usual, too, and `<>` means nobody. */
function bare(address: string | undefined): string | undefined {
  return address?.trim().replace(/^<(.*)>$/s, '$1')
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim()
}

/** RFC 3461 §4.1. */
function readNotify(value: string | undefined): string | null {
  if (value === undefined) return null
  const words = value.toUpperCase().split(',')
  const isNever = words.length === 1 && words[0] === 'NEVER'
  if (!isNever && !words.every((word) => ['SUCCESS', 'FAILURE', 'DELAY'].includes(word))) {
    throw usage('-N is never, or one or several of success, failure, delay with commas')
  }
  return words.join(',')
}

function readRet(value: string | undefined): 'FULL' | 'HDRS' | null {
  const word = value?.toUpperCase()
  if (word === undefined || word === 'FULL' || word === 'HDRS') return word ?? null
  throw usage('-R is full or hdrs')
}

/** RFC 3461 §4.4 and §5.4: printable ASCII, in xtext at most 100 characters. */
function readEnvid(value: string | undefined): string | null {
  if (value === undefined) return null
  const xtext = value.replaceAll(/[+=]/g, (c) => `+${c.charCodeAt(0).toString(16).toUpperCase()}`)
  if (/^[\x21-\x7e]{1,100}$/.test(xtext)) return xtext
  throw usage('-V is an id of at most 100 printable ASCII characters')
}

function usage(message: string): SendmailStop {
  return new SendmailStop(`${message}; postern sendmail --help shows the options.`, EX.usage)
}

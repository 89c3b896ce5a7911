/** Longest text that an answer shows. */
const LONGEST_SHOWN = 4_000
/** Longest text that is searched for secrets; what lies behind is never shown. */
const LONGEST_READ = 64_000

type Rule = readonly [pattern: RegExp, replace: (found: string, kept: string) => string]

/** Base64 mixes upper and lower case or ends in `=`; diagnostic hex and plain words do not. */
function looksEncoded(text: string): boolean {
  return text.endsWith('=') || (/[a-z]/.test(text) && /[A-Z]/.test(text))
}

/**
 * What must never be shown although a server, proxy or library repeated it: first values by their name, then
 * values that give themselves away by their form. Every pattern reads a text in linear time.
 */
const RULES: readonly Rule[] = [
  [
    /(["']?(?:client_secret|client_assertion|access_token|refresh_token|id_token|assertion|password|passwd)["']?\s{0,8}[=:]\s{0,8})(?:"[^"]*"?|'[^']*'?|[^\s&"',;{}]+)/gi,
    (_, kept) => `${kept}[redacted]`,
  ],
  [
    /((?:proxy-)?authorization["']?\s{0,8}[=:]\s{0,8}["']?[a-z]{1,20}\s{1,8})[^\s"',;]+/gi,
    (_, kept) => `${kept}[redacted]`,
  ],
  [/(\bBearer[ \t]{1,8})[\w.~+/-]{20,}={0,2}/gi, (_, kept) => `${kept}[redacted]`],
  [
    /(\bAUTH[ \t]{1,8}(?:XOAUTH2|PLAIN|LOGIN)[ \t]{1,8})[A-Za-z0-9+/]{8,}={0,2}/g,
    (found, kept) => (looksEncoded(found.slice(kept.length)) ? `${kept}[redacted]` : found),
  ],
  // RFC 7519: a JWT's header starts with {" which is eyJ in base64url.
  [/eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,4}/g, () => '[redacted token]'],
  // The form of Entra's client secrets: 3 characters, a digit, Q~ and about 31 more.
  [/[\w.~-]{3}\dQ~[\w.~-]{25,}/g, () => '[redacted secret]'],
  [/[A-Za-z0-9+/]{60,}={0,2}/g, (found) => (looksEncoded(found) ? '[redacted data]' : found)],
  [/[\w-]{60,}/g, (found) => (looksEncoded(found) ? '[redacted data]' : found)],
]

/** The text without secrets, at most 4,000 characters. */
export function redact(text: string): string {
  const clean = RULES.reduce(
    (result, [pattern, replace]) => result.replace(pattern, replace),
    text.slice(0, LONGEST_READ),
  )
  return clean.length <= LONGEST_SHOWN ? clean : `${clean.slice(0, LONGEST_SHOWN - 1)}…`
}

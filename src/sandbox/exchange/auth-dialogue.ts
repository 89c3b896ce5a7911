import { REPLY } from './replies.ts'

export type Credentials =
  | { mechanism: 'XOAUTH2'; user: string; token: string }
  | { mechanism: 'LOGIN'; user: string; password: string }

/** What the client gave, the reply that ends the exchange early, or undefined when it went away. */
export type AuthExchange = Credentials | { reply: string } | undefined

/** Sends a challenge and returns the client's next line. */
export type Prompt = (challenge: string) => Promise<{ text: string; tooLong: boolean } | undefined>

/** The exchange of AUTH (RFC 4954 §4) up to the decision. */
export async function exchangeCredentials(
  mechanism: string,
  initial: string | undefined,
  prompt: Prompt,
): Promise<AuthExchange> {
  if (mechanism === 'LOGIN') return exchangeLogin(initial, prompt)
  if (mechanism === 'XOAUTH2') return exchangeXoauth2(initial, prompt)
  return { reply: REPLY.authUnrecognized }
}

/** https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth */
async function exchangeXoauth2(initial: string | undefined, prompt: Prompt): Promise<AuthExchange> {
  const blob = await answerTo(REPLY.authBlob, initial, prompt)
  if (blob === undefined || typeof blob === 'object') return blob
  // The fields are separated by 0x01.
  const fields = blob.split('\u0001')
  const user = fieldOf(fields, /^user=(.*)$/is)
  const token = fieldOf(fields, /^auth=bearer +(.*)$/is)
  if (user === undefined || token === undefined || !blob.endsWith('\u0001\u0001')) {
    return { reply: REPLY.authFailed }
  }
  return { mechanism: 'XOAUTH2', user: user.trim(), token: token.trim() }
}

async function exchangeLogin(initial: string | undefined, prompt: Prompt): Promise<AuthExchange> {
  const user = await answerTo(REPLY.authUserName, initial, prompt)
  if (user === undefined || typeof user === 'object') return user
  const password = await answerTo(REPLY.authPassword, undefined, prompt)
  if (password === undefined || typeof password === 'object') return password
  return { mechanism: 'LOGIN', user: user.trim(), password }
}

function fieldOf(fields: readonly string[], pattern: RegExp): string | undefined {
  for (const field of fields) {
    const found = pattern.exec(field)?.[1]
    if (found !== undefined) return found
  }
  return undefined
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

async function answerTo(
  challenge: string,
  initial: string | undefined,
  prompt: Prompt,
): Promise<string | { reply: string } | undefined> {
  const line = initial === undefined ? await prompt(challenge) : { text: initial, tooLong: false }
  if (line === undefined) return undefined
  if (line.tooLong) return { reply: REPLY.commandTooLong }
  if (line.text === '*') return { reply: REPLY.authCancelled }
  // RFC 4954 §4: an initial response that is empty is sent as a single "=".
  const text = line.text.trim() === '=' ? '' : line.text.trim()
  if (!BASE64.test(text)) return { reply: REPLY.invalidArguments }
  return Buffer.from(text, 'base64').toString('utf8')
}

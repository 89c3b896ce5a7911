import { decodeJwt } from 'jose'
import { codeOf, messageOf } from '../../../src/platform/errors.ts'
import type { Rehearsal } from '../../../src/sandbox/index.ts'
import { INITIAL } from '../../../src/sandbox/initial-state.ts'
import {
  base64,
  openSmtpDialogue,
  type SmtpDialogue,
  xoauth2,
} from '../../support/smtp-dialogue.ts'
import { type ClientCertificate, signWith } from './client-certificate.ts'
import type { TestTenant } from './harness.ts'

const MESSAGE = `From: <${INITIAL.mailbox}>\r\nTo: <${INITIAL.errorMailbox}>\r\n\r\nHello\r\n`

/** How long an answer that never comes is waited for. */
const SILENCE_MS = 400

/**
 * Goes the way of a verification up to the first failure, with plain clients that know nothing of the catalogue. The last line is
 * what the failure looks like.
 */
export async function encounter(
  t: TestTenant,
  rehearsal: Pick<Rehearsal, 'needs' | 'needsMessage'>,
  certificate: ClientCertificate,
): Promise<string[]> {
  const { needs } = rehearsal
  const lines: string[] = []
  const token = needs === 'basic' ? undefined : await getToken(t, needs, certificate, lines)
  if (needs !== 'basic' && token === undefined) return lines
  if (needs === 'graph' || needs === 'renewal') await meetGraph(t, needs, lines)
  else await meetSmtp(t, { token, isSent: rehearsal.needsMessage }, lines)
  return lines
}

async function getToken(
  t: TestTenant,
  needs: Rehearsal['needs'],
  certificate: ClientCertificate,
  lines: string[],
): Promise<string | undefined> {
  const { authority, clientId, tenantId } = t.sandbox
  const aud = `${authority}/${tenantId}/oauth2/v2.0/token`
  const changes =
    needs === 'certificate'
      ? {
          client_secret: undefined,
          client_assertion: await signWith(certificate, { aud, iss: clientId, sub: clientId }),
        }
      : {}
  try {
    const answer = await orSilence(t.requestToken(changes))
    if (answer.status !== 200 || answer.text.startsWith('<')) {
      lines.push(`token: HTTP ${answer.status} ${answer.text}`)
      return undefined
    }
    const issued = String(answer.json()['access_token'])
    lines.push(`claims: ${JSON.stringify(claimsOf(issued))}`)
    return issued
  } catch (error) {
    lines.push(`token: ${codeOf(error) ?? messageOf(error)}`)
    return undefined
  }
}

function claimsOf(token: string): unknown {
  try {
    return decodeJwt(token)
  } catch {
    return 'no JWT'
  }
}

async function meetSmtp(
  t: TestTenant,
  given: { token: string | undefined; isSent: boolean },
  lines: string[],
): Promise<void> {
  let dialogue: SmtpDialogue | undefined
  /** False when the reply ends the dialogue. */
  const say = async (reply: Promise<{ text: string }>, wanted: RegExp) => {
    const { text } = await orSilence(reply)
    lines.push(`smtp: ${text}`)
    return wanted.test(text)
  }
  try {
    dialogue = await openSmtpDialogue({ port: t.sandbox.smtp.port })
    const { command, read, content, upgrade } = dialogue
    if (!(await say(read(), /^220/))) return
    if (!(await say(command('EHLO client.example'), /STARTTLS/))) return
    if (!(await say(command('STARTTLS'), /^220/))) return
    await upgrade({ ca: t.sandbox.caPem, minVersion: 'TLSv1.2' })
    // An inserted reply would already be here.
    if (!(await say(command('EHLO client.example'), /AUTH/))) return
    if (given.token === undefined) {
      await say(command(`AUTH LOGIN ${base64(INITIAL.mailbox)}`), /^334/)
      if (!(await say(command(base64(INITIAL.mailboxPassword)), /^235/))) return
    } else {
      const auth = command(`AUTH XOAUTH2 ${xoauth2(INITIAL.mailbox, given.token)}`)
      if (!(await say(auth, /^235/))) return
    }
    if (!given.isSent) return
    if (!(await say(command(`MAIL FROM:<${INITIAL.mailbox}>`), /^250/))) return
    if (!(await say(command(`RCPT TO:<${INITIAL.errorMailbox}>`), /^250/))) return
    if (!(await say(command('DATA'), /^354/))) return
    await say(content(MESSAGE), /^250/)
  } catch (error) {
    lines.push(`smtp: ${codeOf(error) ?? messageOf(error)}`)
  } finally {
    await dialogue?.[Symbol.asyncDispose]()
  }
}

async function meetGraph(t: TestTenant, needs: 'graph' | 'renewal', lines: string[]) {
  const isRenewal = needs === 'renewal'
  const url = `${t.sandbox.graphUrl}/v1.0/applications(appId='${INITIAL.clientId}')`
  const answer = await t.call(isRenewal ? `${url}/addPassword` : url, {
    method: isRenewal ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${await t.graphToken()}` },
    ...(isRenewal && { body: '{}' }),
  })
  lines.push(`graph: HTTP ${answer.status} ${answer.text}`)
}

async function orSilence<T>(answer: Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(SILENCE_MS)
  const silence = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(new Error('silence')), { once: true })
  })
  answer.catch(() => undefined)
  return Promise.race([answer, silence])
}

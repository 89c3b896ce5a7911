import { base64, openSmtpDialogue, type SmtpReply } from './smtp-dialogue.ts'

/** One connection of an application to the relay, logged in. */
export interface RelaySender extends AsyncDisposable {
  /**
   * Hands a message in, byte for byte (Latin-1): the reply to it, or to the first command that was refused. Rejects when
   * the connection ends before.
   */
  send(mail: {
    from: string
    to: readonly string[]
    content: string
    /** Behind MAIL FROM, such as ` BODY=8BITMIME`. */
    parameters?: string
  }): Promise<SmtpReply>
}

export async function openRelaySender(options: {
  port: number
  username: string
  secret: string
}): Promise<RelaySender> {
  const { port, username, secret } = options
  await using opened = new AsyncDisposableStack()
  const dialogue = opened.use(await openSmtpDialogue({ port }))
  await dialogue.read()
  await dialogue.command('EHLO application.example')
  const login = await dialogue.command(`AUTH PLAIN ${base64(`\0${username}\0${secret}`)}`)
  if (login.code !== 235) throw new Error(login.text)
  const held = opened.move()
  return {
    async send({ from, to, content, parameters = '' }) {
      const envelope = [`MAIL FROM:<${from}>${parameters}`, ...to.map((one) => `RCPT TO:<${one}>`)]
      for (const line of envelope) {
        const reply = await dialogue.command(line)
        if (reply.code !== 250) return reply
      }
      const reply = await dialogue.command('DATA')
      if (reply.code !== 354) return reply
      const isLineOver = content === '' || content.endsWith('\r\n')
      const stuffed = content.replace(/(^|\r\n)\./g, '$1..')
      dialogue.write(`${stuffed}${isLineOver ? '' : '\r\n'}.\r\n`)
      return await dialogue.read()
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

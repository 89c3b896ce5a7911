import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostfix } from './recipe-postfix.ts'
import {
  block,
  createCommands,
  type RecipeRig,
  runProgram,
  SENDER,
  startRecipes,
} from './recipe-rig.ts'

let rig: RecipeRig
beforeAll(async () => {
  rig = await startRecipes(createCommands('postfix'))
})
afterAll(() => rig[Symbol.asyncDispose]())

describe.each([
  ['with-login', 'ESMTPSA'],
  ['by-address', 'ESMTP'],
])('%s', (name, way) => {
  it('Postfix passes on what its machine sends as root, with the sender of the profile', async (context) => {
    const to = `postfix-${name}@contoso.com`
    await using postfix = await startPostfix(context, rig.fill(block('postfix', name), to))
    const check = rig.fill(block('postfix', 'check'), to).replace('sendmail', postfix.sendmail)
    const env = { MAIL_CONFIG: postfix.folder }
    const { code, output } = await runProgram('sh', ['-c', check], { env })
    expect(code, output).toBe(0)
    const mail = await rig.mailTo(to).catch((cause: unknown) => {
      throw new Error(`nothing arrived; Postfix says: ${postfix.log()}`, { cause })
    })
    expect(mail.envelope).toEqual({ from: SENDER, to: [to] })
    expect(mail.way).toBe(way)
    expect(mail.header('From')).toEqual([`"Process Alerts" <${SENDER}>`])
    expect(mail.header('Reply-To')).toEqual([expect.stringContaining('root@host.contoso.com')])
    expect(mail.subject).toBe('test')
    expect(mail.text).toBe('It works.\r\n')
  })
})

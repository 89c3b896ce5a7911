import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Arrived,
  block,
  createCommands,
  installed,
  type RecipeRig,
  runProgram,
  SENDER,
  startRecipes,
} from './recipe-rig.ts'

let rig: RecipeRig
beforeAll(async () => {
  rig = await startRecipes(createCommands('sendmail'))
})
afterAll(() => rig[Symbol.asyncDispose]())

/** The script of the recipe, with what is true here. */
function script(name: string, change = (text: string) => text): string {
  return rig.write(`sendmail-${name}`, change(block('sendmail', name)))
}

function expectMail(mail: Arrived, expected: { to: string; way: string | null }): void {
  expect(mail.envelope).toEqual({ from: SENDER, to: [expected.to] })
  expect(mail.way).toBe(expected.way)
  expect(mail.header('From')).toEqual([expect.stringContaining(`<${SENDER}>`)])
  expect(mail.header('Message-ID')).toHaveLength(1)
  expect(mail.header('Date')).toHaveLength(1)
  expect(mail.text).toBe('It works.\r\n')
}

describe.each([
  // On its own machine the login travels without TLS.
  ['with-login', 'ESMTPA'],
  ['by-address', null],
])('%s', (name, way) => {
  it('mailx sends as the recipe says', async (context) => {
    const mailx = installed(context, 'bsd-mailx')
    const to = `mailx-${name}@contoso.com`
    const rc = rig.write('mailrc', `set sendmail=${script(name)}\n`)
    const check = rig.fill(block('sendmail', 'check'), to).replace('mailx', mailx)
    const { code, output } = await runProgram('sh', ['-c', check], {
      cwd: rig.folder,
      env: { MAILRC: rc, HOME: rig.folder },
    })
    expect([code, output]).toEqual([0, ''])
    const mail = await rig.mailTo(to)
    expectMail(mail, { to, way })
    expect(mail.subject).toBe('test')
  })
})

it('a user who may not open the data folder sends through the relay', async () => {
  const to = 'another-user@contoso.com'
  const program = script('by-address', (text) => text.replace('/var/lib/postern', '/nowhere'))
  const { code, output } = await runProgram(program, ['-i', to], {
    cwd: rig.folder,
    input: 'Subject: test\n\nIt works.\n',
  })
  expect([code, output]).toEqual([0, ''])
  expectMail(await rig.mailTo(to), { to, way: 'ESMTP' })
})

it('what cron writes to root goes to the error address of the profile', async () => {
  const head = ['From: root (Cron Daemon)', 'To: root', 'Subject: Cron <root@host> backup']
  // As cron of Debian calls it.
  const args = ['-FCronDaemon', '-i', '-B8BITMIME', '-oem', 'root']
  const { code, output } = await runProgram(script('by-address'), args, {
    cwd: rig.folder,
    input: [...head, '', 'It works.', ''].join('\n'),
  })
  expect([code, output]).toEqual([0, ''])
  const mail = await rig.mailTo('it@contoso.com')
  expectMail(mail, { to: 'it@contoso.com', way: null })
  expect(mail.subject).toBe('Cron <root@host> backup')
})

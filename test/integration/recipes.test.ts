import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repositoryFile } from '../support/golden.ts'
import { flat } from '../support/mail.ts'
import { skipFor } from '../support/skip.ts'
import {
  type Arrived,
  block,
  createCommands,
  installed,
  RECIPES,
  type RecipeRig,
  runProgram,
  SENDER,
  startRecipes,
} from './recipe-rig.ts'

let rig: RecipeRig
beforeAll(async () => {
  rig = await startRecipes(createCommands('README'))
})
afterAll(() => rig[Symbol.asyncDispose]())

const WAYS = [
  ['with-login', 'ESMTPSA'],
  ['by-address', 'ESMTP'],
] as const

function expectMail(mail: Arrived, expected: { to: string; way: string | null }): void {
  expect(mail.envelope).toEqual({ from: SENDER, to: [expected.to] })
  expect(mail.way).toBe(expected.way)
  expect(mail.header('From')).toEqual([SENDER])
  expect(mail.header('To')).toEqual([expected.to])
  expect(mail.subject).toBe('test')
  expect(flat(mail.text)).toBe('It works.')
}

describe.each(WAYS)('%s', (name, way) => {
  it('msmtp sends as the recipe says', async (context) => {
    installed(context, 'msmtp')
    const to = `msmtp-${name}@contoso.com`
    rig.write('.msmtprc', block('msmtp', name))
    const check = rig.fill(block('msmtp', 'check'), to)
    const { code, output } = await runProgram('sh', ['-c', check], { env: { HOME: rig.folder } })
    expect(code, output).toBe(0)
    const mail = await rig.mailTo(to)
    expect(mail.envelope).toEqual({ from: SENDER, to: [to] })
    expect(mail.way).toBe(way)
    // Printf writes no other field.
    expect(mail.header('From')).toEqual([SENDER])
    expect(mail.subject).toBe('test')
    expect(mail.text).toBe('It works.\r\n')
  })

  it('Python sends as the recipe says', async (context) => {
    const python = installed(context, 'python3')
    const to = `python-${name}@contoso.com`
    const script = rig.write(`${name}.py`, block('python', name), to)
    const { code, output } = await runProgram(python, [script])
    expect(code, output).toBe(0)
    expectMail(await rig.mailTo(to), { to, way })
  })

  it('Node.js sends as the recipe says', async () => {
    const to = `node-${name}@contoso.com`
    const modules = join(rig.folder, 'node_modules')
    if (!existsSync(modules)) symlinkSync(repositoryFile('node_modules'), modules)
    const script = rig.write(`${name}.mjs`, block('node', name), to)
    const { code, output } = await runProgram(process.execPath, [script])
    expect(code, output).toBe(0)
    expectMail(await rig.mailTo(to), { to, way })
  })

  it('swaks sends as the README says', async (context) => {
    installed(context, 'swaks')
    const to = `swaks-${name}@contoso.com`
    const tls = await runProgram('perl', ['-MNet::SSLeay', '-e', '1'])
    if (tls.code !== 0) skipFor(context, 'swaks has no TLS: Net::SSLeay is not installed')
    const command = rig.fill(block('README', name), to)
    const { code, output } = await runProgram('sh', ['-c', command])
    expect(code, output).toBe(0)
    const mail = await rig.mailTo(to)
    expect(mail.envelope).toEqual({ from: SENDER, to: [to] })
    expect(mail.way).toBe(way)
  })

  it('Alertmanager mails a firing alert as the recipe says', async (context) => {
    const program = installed(context, 'prometheus-alertmanager', 'alertmanager')
    const to = `alertmanager-${name}@contoso.com`
    const file = rig.write(`${name}.yml`, atOnce(block('alertmanager', name)), to)
    await using running = await startAlertmanager(program, file)
    await running.fire()
    const mail = await rig.mailTo(to)
    expect(mail.envelope).toEqual({ from: SENDER, to: [to] })
    // Go's SMTP client says SMTPUTF8 wherever it is offered (RFC 6531 §4.3).
    expect(mail.way).toBe(way.replace('ESMTP', 'UTF8SMTP'))
    expect(mail.header('From')).toEqual([SENDER])
    expect(mail.subject).toMatch(/^\[FIRING:1\].*DiskFull/)
    expect(mail.html).toContain('Only 2 % are left')
  })
})

/** Alertmanager waits 30 seconds for more alerts of the group. */
function atOnce(settings: string): string {
  expect(settings).toMatch(/^route:$/m)
  return settings.replace(/^route:\n/m, '$&  group_wait: 0s\n')
}

/** Resolves when its API listens. */
async function startAlertmanager(
  program: string,
  file: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ fire(): Promise<void> } & AsyncDisposable> {
  const child = spawn(
    program,
    [
      `--config.file=${file}`,
      `--storage.path=${file}.data`,
      '--web.listen-address=127.0.0.1:0',
      '--cluster.listen-address=',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...env, PATH: process.env['PATH'] ?? '' } },
  )
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const said: string[] = []
  let address: string | undefined
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line)
    address = /msg="?Listening on"? address=(\S+)/.exec(line)?.[1]
    if (address !== undefined) break
  }
  if (address === undefined) throw new Error(`Alertmanager does not listen: ${said.join('\n')}`)
  child.stderr.resume()
  return {
    async fire() {
      const labels = { alertname: 'DiskFull', instance: 'db1' }
      const answer = await fetch(`http://${address}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify([{ labels, annotations: { summary: 'Only 2 % are left' } }]),
      })
      expect(answer.status, await answer.text()).toBe(200)
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await ended
    },
  }
}

it('a program in Go trusts the certificate through SSL_CERT_DIR, as Grafana has to', async (context) => {
  const program = installed(context, 'prometheus-alertmanager', 'alertmanager')
  const to = 'grafana@contoso.com'
  const settings = block('alertmanager', 'with-login').replace(/^ +tls_config:\n.*\n/m, '')
  expect(settings).not.toContain('ca_file')
  const file = rig.write('grafana.yml', atOnce(settings), to)
  const env = { SSL_CERT_DIR: dirname(rig.certificateFile) }
  await using running = await startAlertmanager(program, file, env)
  await running.fire()
  expect((await rig.mailTo(to)).way).toBe('UTF8SMTPSA')
})

it('PHP sends through msmtp as the recipe says', async (context) => {
  installed(context, 'php')
  const msmtp = installed(context, 'msmtp')
  const to = 'php-with-login@contoso.com'
  const settings = rig.write('php-msmtprc', block('msmtp', 'with-login'))
  const ini = block('php', 'with-login')
    .replace('/usr/bin/msmtp', msmtp)
    .replace('/etc/msmtprc', settings)
  rig.write('php.ini', ini)
  expectMail(await mailFromPhp(to), { to, way: 'ESMTPSA' })
})

it('PHP sends through the sendmail of Postern as the recipe says', async (context) => {
  installed(context, 'php')
  const to = 'php-by-address@contoso.com'
  const sendmail = rig.write('php-sendmail', block('sendmail', 'by-address'))
  rig.write('php.ini', block('php', 'by-address').replace('/usr/sbin/sendmail', sendmail))
  const mail = await mailFromPhp(to)
  expectMail(mail, { to, way: null })
  expect(mail.header('Message-ID')).toHaveLength(1)
  expect(mail.header('Date')).toHaveLength(1)
})

async function mailFromPhp(to: string): Promise<Arrived> {
  const check = rig.fill(block('php', 'check'), to)
  const { code, output } = await runProgram('sh', ['-c', check], { env: { PHPRC: rig.folder } })
  expect(code, output).toBe(0)
  expect(output).toContain('bool(true)')
  return await rig.mailTo(to)
}

it('nodemailer trusts the certificate through NODE_EXTRA_CA_CERTS, as Uptime Kuma has to', async () => {
  const to = 'kuma@contoso.com'
  // What Uptime Kuma makes of "None / STARTTLS", with and without "Ignore TLS Error".
  const script = join(rig.folder, 'kuma.cjs')
  const nodemailer = repositoryFile('node_modules/nodemailer')
  const { port, username: user, password: pass } = rig
  const tls = { rejectUnauthorized: true }
  const settings = { host: 'localhost', port, secure: false, tls, auth: { user, pass } }
  writeFileSync(
    script,
    `require('${nodemailer}').createTransport(${JSON.stringify(settings)})
      .sendMail({ from: '${SENDER}', to: '${to}', subject: 'test', text: 'It works.' })
      .catch((error) => { console.error(error.message); process.exitCode = 1 })`,
  )
  const untrusting = await runProgram(process.execPath, [script])
  expect(untrusting.code).toBe(1)
  expect(untrusting.output).toMatch(/self.signed certificate/)
  const env = { NODE_EXTRA_CA_CERTS: rig.certificateFile }
  const { code, output } = await runProgram(process.execPath, [script], { env })
  expect(code, output).toBe(0)
  expectMail(await rig.mailTo(to), { to, way: 'ESMTPSA' })
})

it('every recipe shows both settings, and the table of the README names every recipe', () => {
  const files = readdirSync(RECIPES).filter((file) => file !== 'README.md')
  const table = readFileSync(join(RECIPES, 'README.md'), 'utf8')
  const linked = [...table.matchAll(/^\| \[[^\]]+\]\(([^)]+)\)/gm)].map(([, file]) => file)
  expect(linked.toSorted()).toEqual(files.toSorted())
  for (const file of files) {
    const text = readFileSync(join(RECIPES, file), 'utf8')
    expect(text, file).toMatch(/^## With a login$/m)
    expect(text, file).toMatch(/^## Without a login$/m)
    for (const [, other] of text.matchAll(/\]\((?!http)([^)]+)\)/g)) {
      expect(existsSync(join(RECIPES, other ?? '')), `${file}: ${other}`).toBe(true)
    }
  }
})

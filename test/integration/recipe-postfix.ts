import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, type TestContext } from 'vitest'
import { skipFor } from '../support/skip.ts'
import { installed, runProgram } from './recipe-rig.ts'

/** A Postfix of its own, in a temporary folder. */
export interface Postfix extends AsyncDisposable {
  /** To be given to its `sendmail` as MAIL_CONFIG. */
  readonly folder: string
  readonly sendmail: string
  /** What it says of its deliveries, for a failed test. */
  log(): string
}

/** `settings`: lines of a recipe for main.cf. Skips the test where there can be none. */
export async function startPostfix(
  context: Pick<TestContext, 'skip'>,
  settings: string,
): Promise<Postfix> {
  const program = installed(context, 'postfix')
  if (process.getuid?.() !== 0) skipFor(context, 'Postfix has to be started by root')
  const folder = mkdtempSync(join(tmpdir(), 'postern-test-postfix-'))
  const conf = join(folder, 'conf')
  for (const name of ['conf', 'queue', 'data']) mkdirSync(join(folder, name), { mode: 0o755 })
  const owned = await runProgram('sh', [
    '-c',
    `chmod 755 ${folder} && chown postfix ${folder}/data`,
  ])
  expect(owned.code, owned.output).toBe(0)
  writeFileSync(join(conf, 'main.cf'), mainConfiguration(folder) + settings)
  writeFileSync(join(conf, 'master.cf'), MASTER)
  const call = (verb: string) => runProgram(program, ['-c', conf, verb])
  const started = await call('start')
  expect(started.code, started.output).toBe(0)
  return {
    folder: conf,
    sendmail: installed(context, 'sendmail'),
    log: () => readFileSync(join(folder, 'mail.log'), 'utf8'),
    async [Symbol.asyncDispose]() {
      await call('stop')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function mainConfiguration(folder: string): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = host.contoso.com
mydestination =
mynetworks = 127.0.0.0/8
smtp_host_lookup = native
maillog_file = ${folder}/mail.log
maillog_file_prefixes = /tmp, /var
alias_maps =
alias_database =
local_recipient_maps =
`
}

const MASTER = `pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
showq unix n - n - - showq
`

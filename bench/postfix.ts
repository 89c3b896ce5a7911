import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

/** A Postfix of its own, in a temporary folder: relays everything to one server, over connections that it keeps. */
export interface Postfix extends Disposable {
  readonly port: number
}

export interface PostfixOptions {
  readonly certificateFile: string
  readonly keyFile: string
  /** Port on this machine that it delivers to. */
  readonly relayPort: number
  /** Connections to it at once. */
  readonly connections: number
}

/** Why there is none here; undefined when there is. */
export function missingPostfix(): string | undefined {
  try {
    execFileSync('postconf', ['-d', 'mail_version'], { stdio: 'ignore' })
  } catch {
    return 'Postfix is not installed'
  }
  return process.getuid?.() === 0 ? undefined : 'Postfix has to be started by root'
}

export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-bench-postfix-'))
  const port = await freePort()
  for (const name of ['conf', 'queue', 'data']) mkdirSync(join(folder, name), { mode: 0o755 })
  execFileSync('chmod', ['755', folder])
  execFileSync('chown', ['postfix', join(folder, 'data')])
  writeFileSync(join(folder, 'conf/main.cf'), mainConfiguration(folder, options))
  writeFileSync(join(folder, 'conf/master.cf'), MASTER.replace('PORT', String(port)))
  const call = (verb: string) =>
    execFileSync('postfix', ['-c', join(folder, 'conf'), verb], { stdio: 'ignore' })
  call('start')
  return {
    port,
    [Symbol.dispose]() {
      call('stop')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function mainConfiguration(folder: string, options: PostfixOptions): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = bench.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:${options.relayPort}
smtp_tls_security_level = encrypt
smtp_tls_connection_reuse = yes
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${options.certificateFile}
smtpd_tls_key_file = ${options.keyFile}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtp_dns_support_level = disabled
smtp_connection_cache_destinations = 127.0.0.1
smtp_destination_concurrency_limit = ${options.connections}
initial_destination_concurrency = ${options.connections}
message_size_limit = 60000000
mailbox_size_limit = 0
maillog_file = ${folder}/mail.log
maillog_file_prefixes = /tmp, /var
alias_maps =
alias_database =
local_recipient_maps =
`
}

const MASTER = `127.0.0.1:PORT inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
tlsproxy unix - - n - 0 tlsproxy
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
showq unix n - n - - showq
`

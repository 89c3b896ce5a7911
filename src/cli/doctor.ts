import { hostname } from 'node:os'
import { createAudit } from '../access/index.ts'
import { type Config, loadConfig } from '../config/index.ts'
import { createEntraTransport, createTokenSource } from '../entra/index.ts'
import { messageOf } from '../platform/errors.ts'
import { createEventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import { createTrust } from '../platform/trust.ts'
import { productVersion } from '../platform/version.ts'
import { createProfiles } from '../profiles/index.ts'
import { createSmtpClient } from '../smtp/index.ts'
import { openStorage } from '../storage/index.ts'
import { readStoredProofs, runChecks } from '../verification/index.ts'
import type { CliContext, RunCommand } from './command.ts'
import { type Examined, judge, renderDoctor } from './doctor/findings.ts'
import { openLog } from './log.ts'

/** The monitoring-plugin convention: 0 ok, 1 warning, 2 critical, 3 unknown. */
const EXIT_UNKNOWN = 3

export const run: RunCommand = async (context, args) => {
  const { stdout, clock } = context
  const asJson = args.flag('json')
  try {
    const examined = await examine(context, {
      profileId: args.positionals[0],
      sendTo: args.text('send-to'),
    })
    const findings = judge(examined, clock.now())
    if (asJson) stdout.write(`${JSON.stringify(findings.json)}\n`)
    else stdout.write(renderDoctor(findings, stdout.isTTY === true))
    return findings.exitCode
  } catch (error) {
    if (context.signal.aborted) throw error
    if (asJson) stdout.write(`${JSON.stringify({ status: 'unknown', error: messageOf(error) })}\n`)
    else stdout.write(`UNKNOWN: ${messageOf(error)}\n`)
    return EXIT_UNKNOWN
  }
}

/** Runs every check on the stored profiles, one after the other, and stores nothing. */
async function examine(
  context: CliContext,
  wish: { profileId: string | undefined; sendTo: string | undefined },
): Promise<readonly Examined[]> {
  const { env, stderr, clock, signal } = context
  const config = loadConfig({ env, isTerminal: stderr.isTTY === true })
  const log = await openLog({ ...config.log, level: 'error' }, stderr)
  await using opened = new AsyncDisposableStack()
  const storage = opened.use(
    await openStorage({
      dataDir: config.dataDir,
      masterKey: config.masterKey,
      role: 'companion',
      clock,
      log,
    }),
  )
  const profiles = await createProfiles({
    storage,
    audit: createAudit({ storage, clock }),
    clock,
    log,
    events: createEventBus({ log }),
    allowCustomCloud: config.allowCustomCloud,
    settingsFile: config.settingsFile,
  })
  const proofOf = await readStoredProofs({ storage })
  const wanted = wish.profileId === undefined ? profiles.list() : [profiles.get(wish.profileId)]
  const outgoing = openOutgoing(config, { context, log, opened })

  const examined: Examined[] = []
  for (const profile of wanted) {
    const { report } = await runChecks(
      {
        ...outgoing,
        profiles,
        clock,
        agent: { version: productVersion(), hostname: hostname() },
        timeoutMs: config.verification.timeoutMs,
      },
      {
        profile,
        reason: 'requested',
        sendTo: wish.sendTo,
        lastDiagnosis: null,
        proof: proofOf(profile.id),
        signal,
      },
    )
    examined.push({ profile, report })
  }
  return examined
}

function openOutgoing(
  config: Config,
  deps: { context: CliContext; log: Logger; opened: AsyncDisposableStack },
) {
  const { log, opened } = deps
  const { clock } = deps.context
  const trust = createTrust({ extraCaPem: config.extraCaPem })
  const transport = opened.use(
    createEntraTransport({
      trust,
      clock,
      httpsProxy: config.proxy.https,
      noProxy: config.proxy.noProxy,
      timeoutMs: config.outgoing.httpsTimeoutMs,
    }),
  )
  return {
    tokens: createTokenSource({ transport, clock, log }),
    smtp: createSmtpClient({
      trust,
      clock,
      log,
      hostname: hostname(),
      timeouts: config.outgoing.smtpTimeouts,
      proxy: config.proxy.smtp,
    }),
  }
}

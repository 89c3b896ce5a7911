import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { startAgent } from '../support/agent.ts'
import { skipFor } from '../support/skip.ts'

/** Of the Debian package prometheus. */
function missingPromtool(): string | undefined {
  const { error } = spawnSync('promtool', ['--version'])
  return error === undefined ? undefined : 'promtool is not installed (apt-get install prometheus)'
}

it('metrics tell the state of every profile, and only to those who may know', async () => {
  await using agent = await startAgent()
  await agent.call('POST', 'profiles', agent.profile())
  await agent.agent.idle()
  const { status, text, headers } = await agent.call('GET', '/metrics')
  expect(status).toBe(200)
  expect(headers.get('content-type')).toMatch(/^text\/plain; version=/)
  expect(text).toContain('postern_profile_health_state{profile="default"} 0')
  expect(text).toMatch(/postern_credential_expiry_timestamp_seconds\{profile="default"\} \d+/)
  expect(text).toContain('postern_verifications_total{outcome="ok"} 1')
  expect(text).toMatch(/postern_build_info\{version="[^"]+"\} 1/)
  const stranger = await fetch(`${agent.url}/metrics`)
  expect(stranger.status).toBe(401)
  await stranger.body?.cancel()
})

it('promtool finds nothing to say about the metrics', async (context) => {
  const missing = missingPromtool()
  if (missing !== undefined) return skipFor(context, missing)
  await using agent = await startAgent({ config: { metricsPublic: true } })
  await agent.call('POST', 'profiles', agent.profile())
  await agent.agent.idle()
  const response = await fetch(`${agent.url}/metrics`)
  expect(response.status).toBe(200)
  const input = await response.text()
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input })
  expect(`${stdout}${stderr}`).toBe('')
  expect(status).toBe(0)
})

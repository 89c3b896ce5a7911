import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { expect, it } from 'vitest'
import { startAgent } from '../support/agent.ts'
import { skipFor } from '../support/skip.ts'

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'

/** Nothing but the page itself may use the network. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

it('the API reference shows every operation, and asks nobody but the agent', async (context) => {
  if (!existsSync(CHROMIUM)) {
    return skipFor(
      context,
      `no Chromium at ${CHROMIUM} (apt-get install chromium, or CHROMIUM_PATH)`,
    )
  }
  await using agent = await startAgent()
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  try {
    const page = await browser.newPage()
    const requests: string[] = []
    const complaints: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`))
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        complaints.push(`${message.type()}: ${message.text()}`)
      }
    })
    page.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`)
    })

    await page.goto(`${agent.url}/`)
    await page.locator('.opblock').first().waitFor()
    expect(new URL(page.url()).pathname).toMatch(/^\/docs/)
    expect(await page.title()).toBe('Postern API')

    const { paths } = (await agent.call('GET', 'openapi.json')).body
    const documented = Object.entries<object>(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const shown = await page.locator('.opblock-summary').evaluateAll((summaries) =>
      summaries.map((each) => {
        const text = (selector: string) =>
          each.querySelector(selector)?.textContent?.replace(/[\s\u200b]/g, '') ?? ''
        return `${text('.opblock-summary-method')} ${text('.opblock-summary-path')}`
      }),
    )
    expect(documented.length).toBeGreaterThan(15)
    expect(shown.toSorted()).toEqual(documented.toSorted())

    // One opened shows its parts.
    const verify = page.locator('.opblock', { hasText: '/profiles/{id}/verify' }).first()
    await verify.locator('.opblock-summary').click()
    await verify.getByText('Runs every check and answers with the report').waitFor()

    const elsewhere = requests.filter(
      (url) => !url.startsWith(agent.url) && !url.startsWith('data:'),
    )
    expect(elsewhere).toEqual([])
    expect(complaints).toEqual([])
  } finally {
    await browser.close()
  }
})

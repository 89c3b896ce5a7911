import { findEntry } from '../model.ts'
import type { Tenant } from '../tenant.ts'
import { type Answer, type AnswerContext, errorAnswer, htmlAnswer } from './answers.ts'
import { findTenantProblem } from './tenant-name.ts'

const EXCHANGE_PERMISSION = 'SMTP.SendAsApp'

/**
 * The admin consent page: GET asks, POST grants. Granting makes the service principal exist and consents to
 * SMTP.SendAsApp. Nobody signs in, and the page redirects nowhere, since no redirect URI is registered.
 */
export function adminConsent(
  options: { method: string; tenant: string; clientId: string },
  tenant: Tenant,
  context: AnswerContext,
): Answer {
  const { model } = context
  const problem = findTenantProblem(options.tenant, model)
  if (problem !== undefined) return errorAnswer(problem, { tenant: options.tenant }, context)
  const app = findEntry(model.apps, options.clientId)
  if (app === undefined) return errorAnswer(700016, { appId: options.clientId }, context)

  const name = escapeHtml(app.displayName || options.clientId)
  if (options.method !== 'POST') {
    return page(
      context,
      `<p><b>${name}</b> asks for <b>${EXCHANGE_PERMISSION}</b> on Office 365 Exchange Online.</p>
<form method="post"><button type="submit">Accept</button></form>`,
    )
  }
  const key = Object.keys(model.apps).find((id) => model.apps[id] === app) ?? options.clientId
  tenant.patch({
    apps: {
      [key]: {
        servicePrincipal: { exists: true },
        exchangeRoles: [...new Set([...app.exchangeRoles, EXCHANGE_PERMISSION])],
      },
    },
  })
  return page(context, `<p>Consent to <b>${name}</b> has been granted.</p>`)
}

function page(context: AnswerContext, content: string): Answer {
  const organisation = escapeHtml(context.model.tenant.displayName)
  return htmlAnswer(
    200,
    `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Permissions requested</title>
<h1>Permissions requested: review for ${organisation}</h1>
${content}</html>`,
    context,
  )
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

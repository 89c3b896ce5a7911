import type { CloudId } from './api.ts'
import type { Findings } from './findings.ts'
import { readText } from './text.ts'

export interface CustomCloudFields {
  readonly authority: string
  readonly scope: string
  readonly graphUrl: string
}

const FIELDS = ['authority', 'scope', 'graphUrl'] as const
const LONGEST_URL = 500
const PREFIX = 'authentication'

/** Undefined for Microsoft's own clouds, and after telling a problem. */
export function readCustomCloud(
  authentication: Readonly<Record<string, unknown>>,
  options: { cloud: CloudId | undefined; allowed: boolean; findings: Findings },
): CustomCloudFields | undefined {
  const { cloud, allowed, findings } = options
  if (cloud === undefined) return undefined
  if (cloud !== 'custom') {
    for (const name of FIELDS) {
      if (authentication[name] === undefined) continue
      findings.problem(
        `${PREFIX}.${name}`,
        `${PREFIX}.${name} belongs to the cloud “custom” alone: remove it, because Postern knows the value for “${cloud}”.`,
      )
    }
    return undefined
  }
  if (!allowed) {
    findings.problem(
      `${PREFIX}.cloud`,
      'A custom cloud is not allowed here, because it sends the client secret to an address of the profile’s choice: choose one of Microsoft’s clouds, or start Postern with POSTERN_ALLOW_CUSTOM_CLOUD=true.',
    )
  }
  for (const name of FIELDS) {
    if (authentication[name] === undefined) {
      findings.problem(
        `${PREFIX}.${name}`,
        `${PREFIX}.${name} is missing: a custom cloud needs it.`,
      )
    }
  }
  const authority = readOrigin(authentication['authority'], 'authority', findings)
  const graphUrl = readOrigin(authentication['graphUrl'], 'graphUrl', findings)
  const scope = readScope(authentication['scope'], findings)
  if (authority === undefined || graphUrl === undefined || scope === undefined) return undefined
  return { authority, scope, graphUrl }
}

function readOrigin(value: unknown, name: string, findings: Findings): string | undefined {
  const field = `${PREFIX}.${name}`
  const text = readText(value, { field, label: field, maxLength: LONGEST_URL }, findings)
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isBare =
    url?.protocol === 'https:' &&
    url.username === '' &&
    url.password === '' &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === ''
  if (url !== undefined && isBare) return url.origin
  findings.problem(
    field,
    `${field} must be an https address without a path, such as https://login.example.com.`,
  )
  return undefined
}

function readScope(value: unknown, findings: Findings): string | undefined {
  const field = `${PREFIX}.scope`
  const text = readText(value, { field, label: field, maxLength: LONGEST_URL }, findings)
  if (text === undefined) return undefined
  if (/^[^\s]+[^\s/]\/\.default$/.test(text)) return text
  findings.problem(
    field,
    `${field} must name one resource and end in /.default, such as https://outlook.office365.com/.default.`,
  )
  return undefined
}

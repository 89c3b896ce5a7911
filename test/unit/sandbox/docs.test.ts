import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { INITIAL } from '../../../src/sandbox/initial-state.ts'
import { TenantModel } from '../../../src/sandbox/model.ts'
import { createTenant } from '../../../src/sandbox/tenant.ts'
import { createFakeClock } from '../../support/clock.ts'

const PATH = fileURLToPath(new URL('../../../docs/sandbox.md', import.meta.url))
const TABLE =
  /(<!-- model: made from src\/sandbox\/model\.ts -->\n)[\s\S]*?(\n<!-- end of model -->)/
const REHEARSALS =
  /(<!-- rehearsals: made from src\/sandbox\/rehearsals\.ts -->\n)[\s\S]*?(\n<!-- end of rehearsals -->)/

/** How the entries of each map are named. */
const KEYS: Record<string, string> = {
  apps: 'clientId',
  'apps.{clientId}.secrets': 'keyId',
  'apps.{clientId}.certificates': 'keyId',
  'exchange.servicePrincipals': 'clientId',
  'exchange.rbac': 'clientId',
  mailboxes: 'address',
  'mailboxes.{address}.fullAccess': 'clientId',
  'smtp.forcedReplies': 'step',
}

interface Schema {
  description?: string
  default?: unknown
  type?: string
  enum?: string[]
  anyOf?: Schema[]
  items?: Schema
  const?: unknown
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(' ')
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.items) return `list of ${typeOf(schema.items)}s`
  return schema.type ?? ''
}

function rowsOf(schema: Schema, path: string): string[] {
  if (schema.properties) {
    return Object.entries(schema.properties).flatMap(([name, member]) =>
      rowsOf(member, path === '' ? name : `${path}.${name}`),
    )
  }
  const [entry] = Object.values(schema.patternProperties ?? {})
  if (entry) return [rowOf(schema, path, 'map'), ...rowsOf(entry, `${path}.{${KEYS[path]}}`)]
  return [rowOf(schema, path, typeOf(schema))]
}

function rowOf(schema: Schema, path: string, type: string): string {
  const required = path.endsWith('}') ? '' : 'required'
  const preset = schema.default === undefined ? required : `\`${JSON.stringify(schema.default)}\``
  return `| \`${path}\` | ${type} | ${preset} | ${schema.description ?? '?'} |`
}

function modelTable(): string {
  const schema: Schema = JSON.parse(JSON.stringify(TenantModel))
  const rows = rowsOf(schema, '')
  expect(rows.join('\n')).not.toMatch(/undefined|\| \? \|/)
  return ['| Key | Type | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n')
}

/** Of the initial state; the secret's id and the like differ later. */
async function rehearsalTable(): Promise<string> {
  const tenant = await createTenant({ clock: createFakeClock() })
  const rows = tenant.rehearsals().map(({ code, title, row, needs, needsMessage, patch }) => {
    const wanted = [needs === null ? [] : `\`${needs}\``, needsMessage ? 'message' : []].flat()
    const change = JSON.stringify(patch)
      .replaceAll(INITIAL.clientId, '{clientId}')
      .replaceAll(INITIAL.secretKeyId, '{keyId}')
    const shown = change.length > 160 ? `${change.slice(0, 159)}…` : change
    return `| \`${code}\` | ${row ?? ''} | ${title} | ${wanted.join(', ')} | \`${shown}\` |`
  })
  return ['| Code | Row | What happens | Needs | Patch |', '|---|---|---|---|---|', ...rows].join(
    '\n',
  )
}

it('lists every key of the model and every rehearsal (run vitest with -u to renew docs/sandbox.md)', async () => {
  const docs = readFileSync(PATH, 'utf8')
  expect(docs).toMatch(TABLE)
  expect(docs).toMatch(REHEARSALS)
  const rehearsals = await rehearsalTable()
  await expect(
    docs
      .replace(TABLE, (_, before, after) => before + modelTable() + after)
      .replace(REHEARSALS, (_, before, after) => before + rehearsals + after),
  ).toMatchFileSnapshot(PATH)
})

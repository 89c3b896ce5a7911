import { ProcessSettings } from './process-settings.ts'
import type { SettingSchema } from './read-value.ts'

/** docs/configuration.md, made from the schema. */
export function renderConfiguration(): string {
  const rows = Object.entries<SettingSchema>(ProcessSettings.properties).map(
    ([name, schema]) =>
      `| \`${name}\` | ${kindOf(schema)} | ${defaultOf(schema)} | ${escapeCell(schema.description ?? '')} |`,
  )
  return [
    '# Process settings',
    '',
    'Postern reads these environment variables at start, and nothing else. Each can also be given as `<NAME>_FILE`,',
    'naming a file that holds the value (for container secrets). An empty variable counts as not set. A wrong value',
    'or an unknown `POSTERN_…` name stops the start with one line for each problem and exit code 2.',
    '',
    'This page is generated from the schema in `src/config/process-settings.ts`.',
    '',
    '| Name | Value | Default | Meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function kindOf(schema: SettingSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ')
  if (schema.type === 'boolean') return '`true`, `false`'
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}`
  const kinds: Readonly<Record<string, string>> = {
    'http-url': 'URL',
    'proxy-url': 'URL',
    'key-32': '32 bytes, base64',
    cron: 'cron expression',
  }
  return kinds[schema.format ?? ''] ?? 'text'
}

function defaultOf(schema: SettingSchema): string {
  return schema.default === undefined ? '' : `\`${escapeCell(String(schema.default))}\``
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}

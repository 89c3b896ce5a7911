import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { repositoryFile } from '../support/golden.ts'

/** Codes stand literally beside `code:`; those of diagnoses are documented in docs/diagnosis.md instead. */
const inCode = new Set(
  readdirSync(repositoryFile('src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('diagnosis/'))
    .flatMap((file) => [
      ...readFileSync(repositoryFile(`src/${file}`), 'utf8').matchAll(/\bcode: '([a-z_]+)'/g),
    ])
    .map(([, code]) => code),
)
const inDocs = new Set(
  [...readFileSync(repositoryFile('docs/errors.md'), 'utf8').matchAll(/^\| `([a-z_]+)` \|/gm)].map(
    ([, code]) => code,
  ),
)

test('every error code is documented', () => {
  expect([...inCode].filter((code) => !inDocs.has(code))).toEqual([])
})

test('every documented error code exists', () => {
  expect([...inDocs].filter((code) => !inCode.has(code))).toEqual([])
  expect(inDocs.size).toBeGreaterThan(50)
})

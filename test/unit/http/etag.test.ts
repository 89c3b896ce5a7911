import { expect, test } from 'vitest'
import { etagOf, versionFromIfMatch } from '../../../src/http/index.ts'

test('the tag of a version comes back as that version', () => {
  expect(versionFromIfMatch(etagOf(7))).toBe(7)
})

test('a tag that a compressing proxy has weakened still counts', () => {
  expect(versionFromIfMatch('W/"7"')).toBe(7)
})

test('* stands for any version', () => {
  expect(versionFromIfMatch(' * ')).toBeUndefined()
})

test('a change without If-Match is refused with what to do', () => {
  expect(() => versionFromIfMatch(undefined)).toThrow(
    expect.objectContaining({ code: 'precondition_required' }),
  )
})

test.each(['7', '"7", "8"', '"x"', '', '"-1"'])('%j is no tag of ours', (header) => {
  expect(() => versionFromIfMatch(header)).toThrow(
    expect.objectContaining({ code: 'if_match_invalid' }),
  )
})

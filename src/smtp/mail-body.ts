/** One part of a mail, written once and shown as plain text and as HTML. */
export type Block =
  | { readonly style: 'lead'; readonly lines: readonly string[] }
  /** link: each line is an address to open. */
  | {
      readonly style: 'text' | 'code' | 'link'
      readonly title?: string
      readonly lines: readonly string[]
    }
  | { readonly style: 'facts'; readonly rows: readonly (readonly [string, string])[] }

/**
 * Makes foreign words (names, answers of servers) one line: no line break can start a header, no invisible or
 * direction-changing character can make the reader see something else.
 */
export function oneLine(text: string): string {
  return text
    .replace(/\p{Cf}/gu, '')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
}

/** The lines of several texts, each of them clean. */
export function linesOf(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => text.split(/\r\n|\r|\n/)).map(oneLine)
}

export function shorten(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`
}

export function toText(blocks: readonly Block[]): string {
  return `${blocks.map(textOf).join('\n\n')}\n`
}

function textOf(block: Block): string {
  if (block.style === 'facts') {
    return block.rows.map(([name, value]) => `${name}: ${oneLine(value)}`).join('\n')
  }
  if (block.style === 'lead') return block.lines.join('\n')
  const { title, lines, style } = block
  const body = style === 'text' ? lines : lines.map((line) => `    ${line}`)
  return [...(title === undefined ? [] : [`${title}:`]), ...body].join('\n')
}

/** No outside asset, no script; every foreign character escaped. */
export function toHtml(blocks: readonly Block[]): string {
  return [
    '<!doctype html>',
    '<html lang="en"><body style="font-family: sans-serif">',
    ...blocks.map(htmlOf),
    '</body></html>',
    '',
  ].join('\n')
}

function htmlOf(block: Block): string {
  if (block.style === 'facts') {
    const rows = block.rows.map(
      ([name, value]) =>
        `<tr><th align="left">${escapeHtml(name)}</th><td>${linked(oneLine(value))}</td></tr>`,
    )
    return `<table cellpadding="4">\n${rows.join('\n')}\n</table>`
  }
  if (block.style === 'lead') return `<h2>${block.lines.map(escapeHtml).join('<br>')}</h2>`
  const title = block.title === undefined ? '' : `<h3>${escapeHtml(block.title)}</h3>\n`
  if (block.style === 'text') return `${title}<p>${block.lines.map(escapeHtml).join('<br>\n')}</p>`
  if (block.style === 'link') return `${title}<p>${block.lines.map(linked).join('<br>\n')}</p>`
  const pre = '<pre style="white-space: pre-wrap; padding: 8px; background: #f2f2f2">'
  return `${title}${pre}${block.lines.map(escapeHtml).join('\n')}</pre>`
}

/** An address of the web becomes a link; anything else, `javascript:` above all, stays words. */
function linked(text: string): string {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return escapeHtml(text)
  return `<a href="${escapeHtml(url.href)}">${escapeHtml(text)}</a>`
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

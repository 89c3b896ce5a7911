import { lstat, readlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, parse, sep } from 'node:path'

/** A name in a folder whose change can change what a path leads to. */
export interface Place {
  readonly folder: string
  readonly name: string
}

/** Linux gives up after as many (path_resolution(7)). */
const MOST_LINKS = 40

/**
 * The places to watch for a file: the file itself and every symbolic link on the way. Mounted config maps and secrets
 * change by the swap of a link (`..data`) beside the file's own link.
 */
export async function placesOf(file: string): Promise<readonly Place[]> {
  const places: Place[] = []
  const { root } = parse(file)
  let pending = file.slice(root.length).split(sep).filter(Boolean)
  let folder = root
  let links = 0
  for (;;) {
    const [name, ...rest] = pending
    if (name === undefined) return places
    if (name === '..' || name === '.') {
      folder = name === '..' ? dirname(folder) : folder
      pending = rest
      continue
    }
    const target = await linkTarget(join(folder, name))
    if (target === undefined) {
      if (rest.length === 0) places.push({ folder, name })
      folder = join(folder, name)
      pending = rest
      continue
    }
    places.push({ folder, name })
    links += 1
    if (links > MOST_LINKS) return places
    if (isAbsolute(target)) folder = parse(target).root
    pending = [...target.split(sep).filter(Boolean), ...rest]
  }
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined
  } catch {
    return undefined
  }
}

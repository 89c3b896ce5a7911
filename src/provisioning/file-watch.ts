import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { codeOf } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { placesOf } from './links.ts'

export interface FileWatch extends Disposable {
  /** Watches exactly these files from now on. True when a place is watched that was not before. */
  follow(files: readonly string[]): Promise<boolean>
}

interface Watched {
  readonly watcher: FSWatcher
  names: ReadonlySet<string>
}

/** Folders are watched, not files: a file that is replaced is another file, and its folder tells. */
export function createFileWatch(deps: { onChange: () => void; log: Logger }): FileWatch {
  const { onChange, log } = deps
  const watched = new Map<string, Watched>()
  let closed = false

  const drop = (key: string) => {
    watched.get(key)?.watcher.close()
    watched.delete(key)
  }

  function add(key: string, folder: string, names: ReadonlySet<string>): boolean {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        const entry = watched.get(key)
        if (entry !== undefined && (name === null || entry.names.has(name))) onChange()
      })
      watcher.on('error', (error) => {
        log.warn({ folder, code: codeOf(error) }, 'folder no longer watched')
        drop(key)
        onChange()
      })
      watched.set(key, { watcher, names })
      return true
    } catch (error) {
      // Watches are limited (ENOSPC, EMFILE); the slow look at the files goes on without them.
      log.warn({ folder, code: codeOf(error) }, 'folder cannot be watched')
      return false
    }
  }

  return {
    async follow(files) {
      const wanted = await foldersOf(files)
      if (closed) return false
      for (const key of [...watched.keys()]) if (!wanted.has(key)) drop(key)
      let isNew = false
      for (const [key, { folder, names }] of wanted) {
        const present = watched.get(key)
        if (present === undefined) {
          isNew = add(key, folder, names) || isNew
        } else {
          isNew ||= [...names].some((name) => !present.names.has(name))
          present.names = names
        }
      }
      return isNew
    },
    [Symbol.dispose]() {
      closed = true
      for (const key of [...watched.keys()]) drop(key)
    },
  }
}

/** Keyed by the folder's identity too, because a folder that was replaced needs a new watch. */
async function foldersOf(
  files: readonly string[],
): Promise<Map<string, { folder: string; names: Set<string> }>> {
  const folders = new Map<string, { folder: string; names: Set<string> }>()
  for (const file of files) {
    for (const { folder, name } of await placesOf(file)) {
      const facts = await stat(folder).catch(() => undefined)
      if (facts === undefined) continue
      const key = `${facts.dev}:${facts.ino}:${folder}`
      const entry = folders.get(key) ?? { folder, names: new Set() }
      entry.names.add(name)
      folders.set(key, entry)
    }
  }
  return folders
}

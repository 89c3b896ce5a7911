import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { type TemporaryFolder, temporaryFolder } from './folder.ts'

/** Runs a program; false: it failed, or is not there. */
function run(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

/** A folder on which something is mounted; a string says why there is none. */
function mounted(options: readonly string[]): TemporaryFolder | string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'only root on Linux can mount a disk'
  }
  const folder = temporaryFolder()
  if (!run('mount', [...options, folder.path])) {
    folder[Symbol.dispose]()
    return 'this machine does not let a disk be mounted'
  }
  return {
    path: folder.path,
    [Symbol.dispose]() {
      run('umount', ['--lazy', folder.path])
      folder[Symbol.dispose]()
    },
  }
}

/** A disk of a few megabytes. */
export function smallDisk(mebibytes: number): TemporaryFolder | string {
  return mounted(['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs'])
}

/** An empty file system in a file. False: it cannot be made here. */
export function formatImage(image: string, mebibytes: number): boolean {
  return run('mkfs.ext4', ['-q', '-F', image, `${mebibytes}m`])
}

/**
 * A disk whose platter is a file: what a power loss would leave is what stands in the file. Nothing is written there but
 * what a program waits for, in the time that a test takes.
 */
export function imageDisk(image: string): TemporaryFolder | string {
  return mounted(['-t', 'ext4', '-o', 'loop,commit=600', image])
}

/** Takes all the room that is left. */
export function fillDisk(file: string): void {
  const handle = openSync(file, 'w')
  try {
    for (let block = 64 * 1024; block >= 1; block = Math.floor(block / 2)) {
      try {
        for (;;) writeSync(handle, Buffer.alloc(block))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      }
    }
  } finally {
    closeSync(handle)
  }
}

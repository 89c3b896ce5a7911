import type { Draft, Intake, Outbox } from '../../../src/outbox/index.ts'
import { PosternError } from '../../../src/platform/errors.ts'

export interface TakenMessage {
  readonly id: string
  readonly draft: Draft
  /** Latin-1. */
  readonly body: string
}

/** Takes messages and remembers them; tests let its steps wait or fail. */
export interface FakeOutbox extends Pick<Outbox, 'intake'> {
  readonly messages: TakenMessage[]
  readonly aborted: string[]
  /** Most bytes held by unfinished intakes at once. */
  readonly pending: number
  onWrite: (chunk: Uint8Array) => Promise<void>
  onCommit: () => Promise<void>
  /** Resolves with the message number `count`, from 1. */
  message(count?: number): Promise<TakenMessage>
  /** Resolves when so many intakes were aborted. */
  untilAborted(count?: number): Promise<void>
}

export function createFakeOutbox(options: { keepsBodies?: boolean } = {}): FakeOutbox {
  const { keepsBodies = true } = options
  const watchers = new Set<() => void>()
  let numbers = 0
  let pending = 0
  const until = async (isTrue: () => boolean) => {
    while (!isTrue()) {
      await new Promise<void>((resolve) => {
        const watcher = () => {
          watchers.delete(watcher)
          resolve()
        }
        watchers.add(watcher)
      })
    }
  }
  const notify = () => {
    for (const watcher of [...watchers]) watcher()
  }

  const outbox: FakeOutbox = {
    messages: [],
    aborted: [],
    get pending() {
      return pending
    },
    onWrite: async () => {},
    onCommit: async () => {},
    intake(): Intake {
      numbers += 1
      const id = `m-${numbers}`
      const chunks: Buffer[] = []
      let sizeBytes = 0
      let isBusy = false
      const once = async (step: () => Promise<void>) => {
        if (isBusy) throw new Error('an intake was called twice at once')
        isBusy = true
        try {
          await step()
        } finally {
          isBusy = false
        }
      }
      return {
        id,
        hasCopied: false,
        get sizeBytes() {
          return sizeBytes
        },
        write: (chunk) =>
          once(async () => {
            sizeBytes += chunk.length
            pending += chunk.length
            await outbox.onWrite(chunk)
            if (keepsBodies) chunks.push(Buffer.from(chunk))
          }),
        async commit(draft) {
          await once(() => outbox.onCommit())
          pending -= sizeBytes
          outbox.messages.push({ id, draft, body: Buffer.concat(chunks).toString('latin1') })
          notify()
          return { id, acceptedAt: 0, duplicate: false }
        },
        abort: () =>
          once(async () => {
            pending -= sizeBytes
            outbox.aborted.push(id)
            notify()
          }),
      }
    },
    async message(count = 1) {
      await until(() => outbox.messages.length >= count)
      const message = outbox.messages[count - 1]
      if (message === undefined) throw new Error('no message')
      return message
    },
    untilAborted: (count = 1) => until(() => outbox.aborted.length >= count),
  }
  return outbox
}

export function diskFull(): PosternError {
  return new PosternError('The disk of the data folder is full.', {
    kind: 'unavailable',
    code: 'disk_full',
  })
}

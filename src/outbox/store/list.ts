import { type Expression, expressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import type { Tables } from '../../storage/index.ts'
import type { MessageState, StoredMessage } from '../message.ts'
import type { OutboxStore } from '../outbox-store.ts'
import { addressKey, type MessageRow, toMessage } from './rows.ts'

type Filter = Parameters<OutboxStore['list']>[0]
type Page = Parameters<OutboxStore['list']>[1]

/** States in which a message of a profile on hold counts as held. */
const STOPPED_BY_HOLD = ['queued', 'deferred'] as const
/** Their indexes are by profile. */
const WAITING: readonly MessageState[] = ['queued', 'deferred', 'held']

/**
 * Newest first. The narrowest filter chooses the index, in which the cursor is a look-up; the other filters are asked of
 * each row and hidden from the planner, which would otherwise guess. Several states are a look-up each. However many
 * those are, the memory is that of two pages of keys and of one page.
 */
export async function listMessages(
  db: Kysely<Tables>,
  filter: Filter,
  page: Page,
  /** Those of which anything waits. */
  waitingProfileIds: readonly string[],
): Promise<readonly StoredMessage[]> {
  let newest: readonly Key[] = []
  for (const branch of branchesOf(filter, waitingProfileIds)) {
    // What is older than a full page is not read at all.
    const acceptedFrom = newest[page.limit - 1]?.accepted_at ?? filter.acceptedFrom
    const found = await listBranch(db, { ...filter, acceptedFrom }, branch, page)
    newest = [...newest, ...found].sort(newestFirst).slice(0, page.limit)
  }
  if (newest.length === 0) return []
  const seqs = newest.map(({ seq }) => seq)
  const rows = await db
    .selectFrom('message')
    .selectAll()
    .where('seq', 'in', seqs)
    .orderBy('accepted_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map(toMessage)
}

export async function readState(db: Kysely<Tables>, id: string): ReturnType<OutboxStore['state']> {
  const row = await db.selectFrom('message').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return undefined
  const { state, reply, serverMessageId, diagnosis, attempts } = toMessage(row)
  return { state, reply, serverMessageId, diagnosis, attempts }
}

type Key = Pick<MessageRow, 'seq' | 'id' | 'accepted_at'>
const KEY = ['message.seq', 'message.id', 'message.accepted_at'] as const

/** Messages in one state, of one profile; null: any. */
interface Branch {
  readonly state: MessageState | null
  readonly profileId: string | null
}

function branchesOf(
  { states, profileId, heldProfileIds = [] }: Filter,
  waitingProfileIds: readonly string[],
): readonly Branch[] {
  const own = profileId ?? null
  if (states === undefined) return [{ state: null, profileId: own }]
  const waiting = own === null ? waitingProfileIds : [own]
  const branches = [...new Set(states)].flatMap((state): Branch[] =>
    WAITING.includes(state)
      ? waiting.map((id) => ({ state, profileId: id }))
      : [{ state, profileId: own }],
  )
  if (!states.includes('held')) return branches
  const held = heldProfileIds.filter((id) => waiting.includes(id))
  for (const state of STOPPED_BY_HOLD) {
    if (!states.includes(state)) branches.push(...held.map((id) => ({ state, profileId: id })))
  }
  return branches
}

async function listBranch(
  db: Kysely<Tables>,
  filter: Filter,
  branch: Branch,
  page: Page,
): Promise<readonly Key[]> {
  const { recipient } = filter
  if (recipient === undefined) {
    return await db
      .selectFrom('message')
      .select(KEY)
      .where(conditionsOf(filter, branch, page, 'message.accepted_at', false))
      .orderBy('message.accepted_at', 'desc')
      .orderBy('message.id', 'desc')
      .limit(page.limit)
      .execute()
  }
  return await db
    .selectFrom('message_recipient')
    .innerJoin('message', 'message.seq', 'message_recipient.message')
    .select(KEY)
    .where('message_recipient.address_key', '=', addressKey(recipient))
    .where(conditionsOf(filter, branch, page, 'message_recipient.accepted_at', true))
    // Once, also when the envelope names the address twice.
    .where((is) =>
      is.not(
        is.exists(
          is
            .selectFrom('message_recipient as former')
            .select('former.position')
            .whereRef('former.message', '=', 'message_recipient.message')
            .whereRef('former.address_key', '=', 'message_recipient.address_key')
            .whereRef('former.position', '<', 'message_recipient.position'),
        ),
      ),
    )
    .orderBy('message_recipient.accepted_at', 'desc')
    .orderBy('message.id', 'desc')
    .limit(page.limit)
    .execute()
}

function conditionsOf(
  filter: Filter,
  { state, profileId }: Branch,
  { before }: Page,
  at: 'message.accepted_at' | 'message_recipient.accepted_at',
  hasIndex: boolean,
): Expression<SqlBool> {
  const is = expressionBuilder<Tables, 'message'>()
  const acceptedAt = sql<number>`${sql.ref(at)}`
  const byNarrowness: readonly Condition[] = [
    matches('message_id', filter.messageId),
    stateCondition(state, profileId),
    matches('sender_key', filter.sender && addressKey(filter.sender)),
    matches('client', filter.client),
    filter.source === 'relay' ? undefined : matches('source', filter.source, NOT_RELAYED),
    matches('profile_id', profileId ?? undefined),
  ].filter((condition) => condition !== undefined)
  const conditions = byNarrowness.map(({ visible, hidden }, index) =>
    hasIndex || index > 0 ? hidden : visible,
  )
  // Most mail is relayed, and delivered: no index knows them.
  if (filter.source === 'relay') conditions.push(hiddenMatch('source', filter.source))
  if (state === 'delivered') conditions.push(hiddenMatch('state', state))
  if (filter.acceptedFrom !== undefined) conditions.push(is(acceptedAt, '>=', filter.acceptedFrom))
  if (filter.acceptedBefore !== undefined) {
    conditions.push(is(acceptedAt, '<', filter.acceptedBefore))
  }
  if (before !== undefined) {
    conditions.push(
      is(acceptedAt, '<=', before.acceptedAt),
      is.or([is(acceptedAt, '<', before.acceptedAt), is('message.id', '<', before.id)]),
    )
  }
  return is.and(conditions)
}

/** A filter as an index knows it, and as none does. */
interface Condition {
  readonly visible: Expression<SqlBool>
  readonly hidden: Expression<SqlBool>
}

type Column = 'message_id' | 'state' | 'sender_key' | 'client' | 'source' | 'profile_id'

/** The words of the partial index `message_source`. */
const NOT_RELAYED = sql<SqlBool>`message.source <> 'relay'`

function matches(
  column: Column,
  value: string | undefined,
  ofIndex?: Expression<SqlBool>,
): Condition | undefined {
  if (value === undefined) return undefined
  const visible = sql<SqlBool>`${sql.ref(`message.${column}`)} = ${value}`
  return {
    visible: ofIndex === undefined ? visible : sql<SqlBool>`${ofIndex} and ${visible}`,
    hidden: hiddenMatch(column, value),
  }
}

function hiddenMatch(column: Column, value: string): Expression<SqlBool> {
  return sql<SqlBool>`coalesce(${sql.ref(`message.${column}`)}, '') = ${value}`
}

/** In the words of the partial index that holds the messages of the state. */
function stateCondition(state: MessageState | null, profileId: string | null) {
  if (state === null || state === 'delivered') return undefined
  const hidden = hiddenMatch('state', state)
  const ofProfile = sql<SqlBool>`message.profile_id = ${profileId}`
  const visible = {
    queued: sql<SqlBool>`message.finished_at is null and ${ofProfile} and ${hidden}`,
    sending: sql<SqlBool>`message.state = 'sending'`,
    deferred: sql<SqlBool>`message.state = 'deferred' and ${ofProfile}`,
    held: sql<SqlBool>`message.state = 'held' and ${ofProfile}`,
    failed: sql<SqlBool>`message.state in ('failed', 'cancelled') and ${hidden}`,
    cancelled: sql<SqlBool>`message.state in ('failed', 'cancelled') and ${hidden}`,
  }[state]
  return { visible, hidden }
}

function newestFirst(one: Key, other: Key): number {
  if (one.accepted_at !== other.accepted_at) return other.accepted_at - one.accepted_at
  return one.id < other.id ? 1 : -1
}

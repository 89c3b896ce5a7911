import { type Clock, parseEnd, toIso } from '../platform/clock.ts'
import { type FieldProblem, PosternError } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { Storage } from '../storage/index.ts'
import type { Audit, Tokens } from './access.ts'
import type { Actor } from './actor.ts'
import type { Scope, TokenInput, TokenView } from './api.ts'
import type { TokenChanges } from './authenticator.ts'
import { readScopes } from './scopes.ts'
import { createTokenStore, type TokenRow } from './store.ts'
import { assertUsablePreset, hashOf, hintOf, newToken } from './token-text.ts'

/** Who made a preset token; also marks its row. */
const PRESET_MAKER = 'POSTERN_ADMIN_TOKEN'
const FIRST_MAKER = 'first start'
const LONGEST_NAME = 100

export interface TokensDeps {
  storage: Pick<Storage, 'db'>
  audit: Audit
  clock: Clock
  log: Logger
}

/** `changes` lets the authenticator of this process see a change at once. */
export function createTokens(deps: TokensDeps): Tokens & TokenChanges {
  const { audit, clock, log } = deps
  const store = createTokenStore({ db: deps.storage.db })
  let changes = 0

  function rowOf(input: NewToken, token: string): TokenRow {
    return {
      id: newId(),
      name: input.name,
      hash: hashOf(token),
      hint: hintOf(token),
      scopes: JSON.stringify(input.scopes),
      created_at: clock.now(),
      created_by: input.createdBy,
      expires_at: input.expiresAt,
      last_used_at: null,
      revoked_at: null,
    }
  }

  /** Adds the row and removes those that it replaces, with their records, all or nothing. */
  async function save(row: TokenRow, actor: Actor, replaced: readonly TokenRow[] = []) {
    await deps.storage.db.transaction().execute(async (transaction) => {
      for (const old of replaced) {
        await store.remove(old.id, transaction)
        await audit.record(
          { actor, action: 'token.replaced', target: targetOf(old.id), before: recorded(old) },
          transaction,
        )
      }
      await store.insert(row, transaction)
      await audit.record(
        { actor, action: 'token.created', target: targetOf(row.id), after: recorded(row) },
        transaction,
      )
    })
    changes += 1
  }

  return {
    changes: () => changes,

    async create(input, actor) {
      const token = newToken()
      const row = rowOf({ ...checked(input, clock.now()), createdBy: actor.name }, token)
      await save(row, actor)
      log.info({ tokenId: row.id, name: row.name, by: actor.name }, 'token created')
      return { ...viewOf(row), token }
    },

    async list() {
      return (await store.list()).map(viewOf)
    },

    async revoke(id, actor) {
      const row = await store.find(id)
      if (row === undefined) {
        throw new PosternError('There is no token with this id. List the tokens to find it.', {
          kind: 'not_found',
          code: 'token_unknown',
        })
      }
      const at = clock.now()
      const revoked = await deps.storage.db.transaction().execute(async (transaction) => {
        if (!(await store.revoke(id, at, transaction))) return false
        await audit.record(
          {
            actor,
            action: 'token.revoked',
            target: targetOf(id),
            before: recorded(row),
            after: recorded({ ...row, revoked_at: at }),
          },
          transaction,
        )
        return true
      })
      if (!revoked) return
      changes += 1
      log.info({ tokenId: id, name: row.name, by: actor.name }, 'token revoked')
    },

    async warnOfFormerPreset() {
      for (const row of await store.listCreatedBy(PRESET_MAKER)) {
        if (row.revoked_at !== null) continue
        log.warn(
          { tokenId: row.id },
          'POSTERN_ADMIN_TOKEN is no longer set but its token still counts: revoke it when it is not needed',
        )
      }
    },

    async ensurePreset(token) {
      assertUsablePreset(token)
      const same = await store.findByHash(hashOf(token))
      if (same !== undefined) {
        if (same.revoked_at !== null) {
          log.warn(
            { tokenId: same.id },
            'the token in POSTERN_ADMIN_TOKEN was revoked and stays so: set another value',
          )
        }
        return
      }
      // A replaced preset token is removed, not revoked: setting its value again makes it valid again, whereas one that
      // a person revoked stays invalid.
      const former = (await store.listCreatedBy(PRESET_MAKER)).filter((r) => r.revoked_at === null)
      const row = rowOf(
        {
          name: 'Preset administrator',
          scopes: ['admin'],
          expiresAt: null,
          createdBy: PRESET_MAKER,
        },
        token,
      )
      await save(row, { type: 'agent', id: null, name: PRESET_MAKER, address: null }, former)
    },

    async ensureFirst(keep) {
      if (!(await store.isEmpty())) return undefined
      const token = newToken()
      keep(token)
      const row = rowOf(
        { name: 'First administrator', scopes: ['admin'], expiresAt: null, createdBy: FIRST_MAKER },
        token,
      )
      await save(row, { type: 'agent', id: null, name: FIRST_MAKER, address: null })
      return token
    },
  }
}

interface NewToken {
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expiresAt: number | null
  readonly createdBy: string
}

/** The input as it is stored; the command line comes here without an HTTP schema before it. */
function checked(input: TokenInput, now: number): Omit<NewToken, 'createdBy'> {
  const problems: FieldProblem[] = []
  const name = input.name.trim()
  if (name === '' || name.length > LONGEST_NAME || /\p{Cc}/u.test(name)) {
    problems.push({
      field: 'name',
      message: `name must be one line of 1 to ${LONGEST_NAME} characters that says what the token is for.`,
    })
  }
  if (input.scopes.length === 0) {
    problems.push({ field: 'scopes', message: 'scopes must have at least 1 entry.' })
  }
  const expiresAt = typeof input.expiresAt === 'string' ? parseEnd(input.expiresAt) : null
  if (expiresAt === undefined) {
    problems.push({
      field: 'expiresAt',
      message:
        'expiresAt must be a day (2027-05-01) or an instant with a time zone (2027-05-01T12:00:00Z), or null for never.',
    })
  } else if (expiresAt !== null && expiresAt <= now) {
    problems.push({ field: 'expiresAt', message: 'expiresAt must be in the future.' })
  }
  if (problems.length > 0 || expiresAt === undefined) {
    throw new PosternError(`The token was not made: ${problems.map((p) => p.message).join(' ')}`, {
      kind: 'invalid',
      code: 'input_invalid',
      problems,
    })
  }
  return { name, scopes: [...new Set(input.scopes)], expiresAt }
}

function targetOf(id: string) {
  return { type: 'token', id }
}

/** What an audit record says of a token: neither hash nor hint. */
function recorded(row: TokenRow) {
  const { name, scopes, expiresAt, revokedAt } = viewOf(row)
  return { name, scopes, expiresAt, revokedAt }
}

function viewOf(row: TokenRow): TokenView {
  return {
    id: row.id,
    name: row.name,
    scopes: readScopes(row.scopes),
    hint: row.hint,
    createdAt: toIso(row.created_at),
    createdBy: row.created_by,
    expiresAt: instant(row.expires_at),
    lastUsedAt: instant(row.last_used_at),
    revokedAt: instant(row.revoked_at),
  }
}

function instant(at: number | null): string | null {
  return at === null ? null : toIso(at)
}

-- The journal of renewals without a person: what was done at Microsoft Entra so far, so that a crash at any point
-- leaves a working credential and no secret that nobody knows.
create table credential_renewal (
  id text primary key,
  profile_id text not null references profile (id) on delete cascade,
  step text not null check (step in ('requested', 'added', 'staged', 'active', 'removed', 'failed')),
  key_id text,
  former_key_id text,
  started_at integer not null,
  updated_at integer not null,
  remove_after integer,
  error text
) strict;
create unique index credential_renewal_open on credential_renewal (profile_id)
  where step in ('requested', 'added', 'staged', 'active');
create index credential_renewal_profile on credential_renewal (profile_id, started_at);

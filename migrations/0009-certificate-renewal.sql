-- Certificates are renewed too, and an entry outlives its profile, so that what was added at Microsoft Entra for a
-- profile that is gone can still be removed there. What was added is kept sealed until the renewal has ended.
create table credential_renewal_next (
  id text primary key,
  profile_id text references profile (id) on delete set null,
  profile_name text not null,
  type text not null check (type in ('clientSecret', 'certificate')),
  step text not null check (step in ('requested', 'added', 'staged', 'active', 'removed', 'failed')),
  key_id text,
  thumbprint text,
  former_key_id text,
  former_thumbprint text,
  sealed text,
  doubtful integer not null,
  started_at integer not null,
  updated_at integer not null,
  remove_after integer,
  error text
) strict;
insert into credential_renewal_next
  select id, profile_id, profile_id, 'clientSecret', step, key_id, null, former_key_id, null, null, 0, started_at,
    updated_at, remove_after, error
  from credential_renewal;

drop table credential_renewal;
alter table credential_renewal_next rename to credential_renewal;
create unique index credential_renewal_open on credential_renewal (profile_id)
  where step in ('requested', 'added', 'staged', 'active');
create index credential_renewal_profile on credential_renewal (profile_id, started_at);

-- Beside its active credential a profile may hold one that is being proven and one to fall back to. The end of a
-- certificate comes from the certificate itself. Both tables are made anew, because a check cannot be altered and
-- dropping a table that is referred to would empty the other.
create table credential_next (
  id text primary key,
  profile_id text not null references profile (id) on delete cascade,
  state text not null check (state in ('active', 'staged', 'fallback')),
  type text not null check (type in ('clientSecret', 'password', 'certificate')),
  sealed text not null,
  hint text not null,
  expires_at integer,
  expiry_source text not null check (expiry_source in ('none', 'typed', 'graph', 'proven', 'certificate')),
  created_at integer not null,
  key_id text,
  send_to text,
  refused_at integer
) strict;
insert into credential_next
  select id, profile_id, state, type, sealed, hint, expires_at, expiry_source, created_at, null, null, null
  from credential;

create table expiry_reminder_next (
  credential_id text not null references credential_next (id) on delete cascade,
  threshold_days integer not null,
  reminded_at integer not null,
  primary key (credential_id, threshold_days)
) strict;
insert into expiry_reminder_next select credential_id, threshold_days, reminded_at from expiry_reminder;

drop table expiry_reminder;
drop table credential;
alter table credential_next rename to credential;
alter table expiry_reminder_next rename to expiry_reminder;
create unique index credential_active on credential (profile_id) where state = 'active';
create unique index credential_staged on credential (profile_id) where state = 'staged';
-- Not unique: both rows bear the state for a moment when active and fallback change places.
create index credential_fallback on credential (profile_id) where state = 'fallback';

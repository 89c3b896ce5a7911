-- Email settings without their secrets, and the sealed secrets beside them.
create table profile (
  id text primary key,
  version integer not null,
  settings text not null,
  managed integer not null,
  created_at integer not null,
  updated_at integer not null
) strict;

create table credential (
  id text primary key,
  profile_id text not null references profile (id) on delete cascade,
  state text not null check (state in ('active', 'staged', 'fallback')),
  type text not null check (type in ('clientSecret', 'password', 'certificate')),
  sealed text not null,
  hint text not null,
  expires_at integer,
  expiry_source text not null check (expiry_source in ('none', 'typed', 'graph', 'proven')),
  created_at integer not null
) strict;
create unique index credential_active on credential (profile_id) where state = 'active';

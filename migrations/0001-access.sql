-- Local API tokens and the record of who changed what.
create table api_token (
  id text primary key,
  name text not null,
  hash text not null unique,
  hint text not null,
  scopes text not null,
  created_at integer not null,
  created_by text not null,
  expires_at integer,
  last_used_at integer,
  revoked_at integer
) strict;

create table audit (
  id integer primary key,
  at integer not null,
  actor_type text not null,
  actor_id text,
  actor_name text not null,
  address text,
  action text not null,
  target_type text not null,
  target_id text,
  change text not null
) strict;
create index audit_target on audit (target_type, target_id, id);

-- Devices and applications that hand in mail over the SMTP relay. Their secrets are stored as hashes only.
create table relay_client (
  id text primary key,
  username text,
  username_key text unique,
  settings text not null,
  secret_type text not null,
  secret_hash text,
  secret_hint text,
  secret_version integer not null,
  created_at integer not null,
  updated_at integer not null,
  last_used_at integer
) strict;

-- Runs of the config sync.
create table sync_run (
  id integer primary key,
  at integer not null,
  file text not null,
  hash text,
  outcome text not null check (outcome in ('applied', 'unchanged', 'refused')),
  detail text not null
) strict;

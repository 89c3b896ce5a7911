-- The last test email of each profile and what became of it.
create table test_email (
  profile_id text primary key references profile (id) on delete cascade,
  recipient text not null,
  finished_at integer not null,
  reply text,
  diagnosis text
) strict;

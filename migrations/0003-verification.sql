-- One row per verification run, and the health that follows from the runs.
create table report (
  id text primary key,
  profile_id text not null references profile (id) on delete cascade,
  reason text not null,
  outcome text not null check (outcome in ('ok', 'warning', 'failed')),
  diagnosis_code text,
  started_at integer not null,
  finished_at integer not null,
  body text not null
) strict;
create index report_profile on report (profile_id, started_at);
create index report_age on report (started_at);

create table profile_health (
  profile_id text primary key references profile (id) on delete cascade,
  health text not null check (health in ('unknown', 'ok', 'warning', 'failing')),
  since integer not null,
  failures_in_row integer not null,
  last_verified_at integer,
  last_succeeded_at integer,
  last_delivered_at integer,
  last_report_id text,
  diagnosis text
) strict;

-- Open and past problems, and the mails that tell people about them.
create table alert (
  id text primary key,
  problem text not null,
  profile_id text references profile (id) on delete cascade,
  kind text not null,
  severity text not null check (severity in ('warning', 'critical')),
  summary text not null,
  diagnosis text,
  details text not null,
  state text not null check (state in ('open', 'resolved')),
  opened_at integer not null,
  updated_at integer not null,
  resolved_at integer,
  last_notified_at integer,
  acknowledged_at integer,
  acknowledged_by text,
  silenced_until integer,
  silence_reason text
) strict;
create unique index alert_open_problem on alert (problem) where state = 'open';
create index alert_opened on alert (opened_at);

create table alert_notification (
  id text primary key,
  alert_id text not null references alert (id) on delete cascade,
  reason text not null check (reason in ('opened', 'escalated', 'reminder', 'resolved')),
  recipient text not null,
  state text not null check (state in ('pending', 'delivered', 'abandoned')),
  attempts integer not null,
  created_at integer not null,
  next_attempt_at integer not null,
  delivered_at integer,
  delivered_by text,
  last_error text
) strict;
create index alert_notification_due on alert_notification (state, next_attempt_at);
create index alert_notification_alert on alert_notification (alert_id);

-- Accepted mail. The indexes of what still waits hold nothing that is finished, so they stay as small as the queue.
-- A message outlives its profile: there is no reference to it.
create table message (
  -- The order of acceptance.
  seq integer primary key,
  id text not null unique,
  profile_id text not null,
  source text not null,
  priority integer not null,
  client text not null,
  state text not null
    check (state in ('queued', 'sending', 'deferred', 'held', 'delivered', 'failed', 'cancelled')),
  sender text not null,
  -- Lower case, for searches and holds.
  sender_key text not null,
  smtp_utf8 integer not null,
  eight_bit integer not null,
  ret text,
  envid text,
  header_from text,
  subject text,
  message_id text,
  once integer not null,
  bounce_to text,
  size_bytes integer not null,
  -- The number of its first chunk; null: the bytes are not kept any more.
  body integer,
  recipient_count integer not null,
  accepted_at integer not null,
  attempts integer not null,
  next_attempt_at integer,
  finished_at integer,
  diagnosis text,
  reply text,
  server_message_id text,
  -- 1: it failed, and the profile's error address, or the one of bounce_to, has not been told.
  report_due integer not null,
  bounce_due integer not null
) strict;

-- Each begins with the column of its condition, so that it narrows down more than those of the list do.
create index message_queued on message (state, profile_id, priority, client) where state = 'queued';
create index message_sending on message (state, accepted_at) where state = 'sending';
create index message_deferred on message (state, profile_id, accepted_at) where state = 'deferred';
create index message_held on message (state, profile_id, accepted_at) where state = 'held';
create index message_due on message (next_attempt_at) where next_attempt_at is not null;
create index message_waiting
  on message (finished_at, profile_id, accepted_at, sender_key, header_from)
  where finished_at is null;
-- The list, by what narrows it down.
create index message_accepted on message (accepted_at);
create index message_profile on message (profile_id, accepted_at);
create index message_client on message (client, accepted_at);
create index message_sender on message (sender_key, accepted_at);
create index message_message_id on message (message_id);
create index message_source on message (source, accepted_at) where source <> 'relay';
create index message_unhappy on message (accepted_at) where state in ('failed', 'cancelled');
-- What the retention may remove, oldest first.
create index message_finished on message (finished_at)
  where finished_at is not null and report_due = 0 and bounce_due = 0;
create index message_body on message (finished_at)
  where finished_at is not null and report_due = 0 and bounce_due = 0 and body is not null;
create index message_report_due on message (profile_id, finished_at) where report_due = 1;
create index message_bounce_due on message (finished_at) where bounce_due = 1;

create table message_recipient (
  message integer not null references message (seq) on delete cascade,
  position integer not null,
  address text not null,
  -- Lower case, for searches.
  address_key text not null,
  notify text,
  orcpt text,
  state text not null check (state in ('waiting', 'delivered', 'failed', 'cancelled')),
  reply text,
  diagnosis_code text,
  -- Of the message.
  accepted_at integer not null,
  finished_at integer,
  primary key (message, position)
) without rowid, strict;
create index message_recipient_address on message_recipient (address_key, accepted_at);

create table message_attempt (
  message integer not null references message (seq) on delete cascade,
  number integer not null,
  started_at integer not null,
  finished_at integer not null,
  outcome text not null
    check (outcome in ('delivered', 'partlyDelivered', 'deferred', 'held', 'failed')),
  server text not null,
  recipients integer not null,
  reply text,
  diagnosis text,
  primary key (message, number)
) without rowid, strict;

-- The bytes. A body is known by the number of its first chunk; the further ones name it.
create table message_chunk (
  number integer primary key,
  first integer,
  position integer not null,
  data blob not null
) strict;
create unique index message_chunk_further on message_chunk (first, position) where first is not null;

-- Bytes that belong to no message: not yet, or, when discarded, not any more.
create table intake (
  id text primary key,
  body integer not null,
  chunks integer not null,
  size_bytes integer not null,
  discarded integer not null
) strict;
create index intake_discarded on intake (id) where discarded = 1;

create table idempotency_key (
  client text not null,
  key text not null,
  fingerprint text not null,
  message_id text not null,
  accepted_at integer not null,
  primary key (client, key)
) strict;
create index idempotency_key_age on idempotency_key (accepted_at);

create table outbox_hold (
  profile_id text not null,
  sender text not null,
  since integer not null,
  diagnosis text not null,
  next_probe_at integer not null,
  probes integer not null,
  primary key (profile_id, sender)
) strict;

-- Recipients that a mailbox was charged for, by the hour since 1970.
create table mailbox_hour (
  mailbox text not null,
  hour integer not null,
  recipients integer not null,
  primary key (mailbox, hour)
) strict;
create index mailbox_hour_age on mailbox_hour (hour);

-- When failed mail of the profile was last reported.
create table outbox_report (
  profile_id text primary key,
  last_at integer not null
) strict;

-- Sums that would take too long to count: `finishedBytes`, the bytes kept of finished messages.
create table outbox_total (
  name text primary key,
  amount integer not null
) strict;
insert into outbox_total values ('finishedBytes', 0);

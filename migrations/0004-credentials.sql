-- Which expiry reminders a credential has caused; gone with the credential, so a new secret starts afresh.
create table expiry_reminder (
  credential_id text not null references credential (id) on delete cascade,
  threshold_days integer not null,
  reminded_at integer not null,
  primary key (credential_id, threshold_days)
) strict;

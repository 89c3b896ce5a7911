-- Mail of a sender on hold, oldest first. Some databases have it already.
create index if not exists message_held_sender
  on message (profile_id, coalesce(header_from, sender_key), accepted_at) where state = 'held';

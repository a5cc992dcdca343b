-- What each account was refused and what it did, so that the oldest of it can go.
create index refusals_by_account on events (acting_account, number) where error_code <> '';
create index successes_by_account on events (acting_account, number) where error_code = '';

-- With which a request was signed; empty: none.
alter table events add column access_key_id text not null default '';

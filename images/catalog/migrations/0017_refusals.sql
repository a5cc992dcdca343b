-- What each account was refused, so that the oldest of it can go.
create index refusals_by_account on events (acting_account, number) where error_code <> '';

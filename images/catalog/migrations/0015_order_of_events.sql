-- In which order events were written: many have the same millisecond.
alter table events add column number bigint not null default 0;

create index events_by_number on events (number);

-- Who did what, and what came of it.
create table events (
    event_id text primary key,
    time bigint not null,
    name text not null,
    account_id text not null,
    acting_account text not null,
    uid bigint,
    region text not null,
    request_id text not null,
    error_code text not null,
    error_message text not null
);

create index events_by_account on events (account_id, time);
create index events_by_time on events (time);

create table event_resources (
    event_id text not null references events (event_id) on delete cascade,
    resource_id text not null,
    primary key (event_id, resource_id)
);

create index event_resources_by_resource on event_resources (resource_id);

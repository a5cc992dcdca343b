-- What can be bought: the right to launch instances of images that have the code, at a rate per hour.
create table products (
    product_code text primary key,
    seller text not null references accounts (account_id) on delete restrict,
    name text not null,
    description text not null,
    terms text not null,
    state text not null check (state in ('available', 'retired')),
    created bigint not null
);

create index products_by_seller on products (seller);

-- A rate holds for what starts from then on. Amounts are decimal text.
create table product_rates (
    product_code text not null references products (product_code) on delete restrict,
    since bigint not null,
    rate text not null,
    primary key (product_code, since)
);

create table subscriptions (
    subscription_id text primary key,
    product_code text not null references products (product_code) on delete restrict,
    account_id text not null references accounts (account_id) on delete restrict,
    accepted_terms text not null,
    started bigint not null,
    ended bigint check (ended >= started)
);

create unique index subscriptions_running on subscriptions (product_code, account_id) where ended is null;
create index subscriptions_by_account on subscriptions (account_id);

-- The codes of images, instances, volumes and snapshots. Nothing takes one away.
create table resource_product_codes (
    resource_id text not null,
    product_code text not null references products (product_code) on delete restrict,
    primary key (resource_id, product_code)
);

create index resource_product_codes_by_code on resource_product_codes (product_code);

-- The ledger is only ever added to: a record starts with one row and ends with another.
create table usage_starts (
    record_id text primary key,
    owner text not null,
    region text not null,
    resource_id text not null,
    kind text not null check (kind in ('instance', 'volume', 'snapshot', 'bundle', 'product')),
    type text not null,
    size bigint not null,
    started bigint not null,
    seller text,
    rate text
);

create table usage_ends (
    record_id text primary key references usage_starts (record_id) on delete restrict,
    ended bigint not null
);

insert into usage_starts (record_id, owner, region, resource_id, kind, type, size, started, seller, rate)
select record_id, owner, region, resource_id, kind, type, size, started, null, null from usage_records;
insert into usage_ends (record_id, ended)
select record_id, ended from usage_records where ended is not null;

drop table usage_records;
create index usage_starts_by_resource on usage_starts (resource_id, started);
create index usage_starts_by_owner on usage_starts (owner, started);
create index usage_starts_by_seller on usage_starts (seller, started);

create view usage_records as
select usage_starts.record_id, owner, region, resource_id, kind, type, size, started, seller, rate, ended
from usage_starts left join usage_ends on usage_ends.record_id = usage_starts.record_id;

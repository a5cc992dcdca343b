-- A unit without a parent is in the organization's root, as an account without a unit is.
create table organizational_units (
    unit_id text primary key,
    parent_id text references organizational_units (unit_id) on delete restrict,
    name text not null,
    created bigint not null
);

create index organizational_units_by_parent on organizational_units (parent_id);

-- Accounts have names, and users apart from them: a user has one account, an account any number of users.
create table accounts_with_names (
    account_id text primary key,
    name text not null,
    alias text unique,
    state text not null check (state in ('ACTIVE', 'SUSPENDED')),
    unit_id text references organizational_units (unit_id) on delete restrict,
    created bigint not null,
    closed bigint
);

insert into accounts_with_names (account_id, name, alias, state, unit_id, created, closed)
select account_id, account_id, null, 'ACTIVE', null, created, null from accounts;

create table users (
    uid bigint primary key,
    account_id text not null references accounts_with_names (account_id) on delete restrict
);

insert into users (uid, account_id) select uid, account_id from accounts;

drop table accounts;
alter table accounts_with_names rename to accounts;

create index accounts_by_unit on accounts (unit_id);
create index users_by_account on users (account_id);

-- One row: the organization of this catalog's accounts.
create table organization (
    singleton bigint primary key check (singleton = 1),
    organization_id text not null,
    root_id text not null,
    management_account text not null,
    created bigint not null
);

-- By which ARNs an account may be meant: those of its units up to the root, and of the organization. Kept with the tree.
create table account_arns (
    account_id text not null references accounts (account_id) on delete cascade,
    arn text not null,
    primary key (account_id, arn)
);

-- Who else may see and launch an image: account ids, ARNs of organizations and units, or 'all'.
create table image_permissions (
    image_id text not null references images (image_id) on delete cascade,
    grantee text not null,
    primary key (image_id, grantee)
);

insert into image_permissions (image_id, grantee) select image_id, 'all' from images where is_public = 1;

alter table images drop column is_public;

-- The life of an image: it may be disabled, deprecated, and kept from being deregistered.
drop index images_name;
alter table images add column image_state text not null default 'pending'
    check (image_state in ('pending', 'available', 'deregistered', 'failed', 'disabled'));
update images set image_state = state;
alter table images drop column state;
alter table images rename column image_state to state;
create unique index images_name on images (owner, region, name) where state in ('pending', 'available', 'disabled');

alter table images add column deprecated bigint;
alter table images add column deregistration_protection text not null default 'disabled'
    check (deregistration_protection in ('disabled', 'enabled-without-cooldown', 'enabled-with-cooldown'));
alter table images add column protected_until bigint;
alter table images add column last_launched bigint;

-- What an account has decided for a region.
create table account_settings (
    account_id text not null,
    region text not null,
    name text not null,
    value text not null,
    primary key (account_id, region, name)
);

-- How much an account may have, in all regions together; what is not limited has no row.
create table quotas (
    account_id text not null references accounts (account_id) on delete cascade,
    name text not null,
    most bigint not null,
    primary key (account_id, name)
);

-- The secrets are sealed with a key that is not in the catalog.
create table access_keys (
    access_key_id text primary key,
    account_id text not null references accounts (account_id) on delete cascade,
    sealed_secret text not null,
    state text not null check (state in ('Active', 'Inactive')),
    created bigint not null
);

create index access_keys_by_account on access_keys (account_id);
create index image_permissions_by_grantee on image_permissions (grantee);
create index snapshot_permissions_by_grantee on snapshot_permissions (grantee);

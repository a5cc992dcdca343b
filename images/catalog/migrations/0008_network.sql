-- Each region has one VPC. Its `identity`, six hexadecimal digits, names its bridge and its packet filter on the host.
create table vpcs (
    vpc_id text primary key,
    region text not null unique references regions (region) on delete cascade,
    identity text not null unique,
    address_range text not null,
    created bigint not null
);

create table subnets (
    subnet_id text primary key,
    vpc_id text not null references vpcs (vpc_id) on delete cascade,
    region text not null,
    zone text not null,
    address_range text not null,
    -- Where the search for a free address begins, so that the one that was free for the longest time is next.
    next_address bigint not null
);

create index subnets_by_vpc on subnets (vpc_id);

create table security_groups (
    group_id text primary key,
    owner text not null,
    region text not null,
    name text not null,
    description text not null,
    created bigint not null,
    unique (owner, region, name)
);

-- Lets packets pass: those that come from, or go to (is_egress), a range of addresses or the members of a group.
create table security_group_rules (
    rule_id text primary key,
    group_id text not null references security_groups (group_id) on delete cascade,
    is_egress bigint not null,
    protocol text not null,
    from_port bigint not null,
    to_port bigint not null,
    address_range text not null,
    peer_group_id text references security_groups (group_id) on delete restrict,
    description text not null
);

create index security_group_rules_by_group on security_group_rules (group_id);
create index security_group_rules_by_peer on security_group_rules (peer_group_id);

create table network_interfaces (
    interface_id text primary key,
    owner text not null,
    region text not null,
    zone text not null,
    subnet_id text not null references subnets (subnet_id) on delete restrict,
    instance_id text not null unique references instances (instance_id) on delete cascade,
    address bigint not null,
    mac_address text not null,
    attached bigint not null,
    unique (region, address)
);

create table interface_groups (
    interface_id text not null references network_interfaces (interface_id) on delete cascade,
    group_id text not null references security_groups (group_id) on delete restrict,
    primary key (interface_id, group_id)
);

create index interface_groups_by_group on interface_groups (group_id);

-- What an instance is told about itself, and how.
alter table instances add column metadata_enabled bigint not null default 1;
alter table instances add column metadata_tokens_required bigint not null default 0;
alter table instances add column metadata_hop_limit bigint not null default 1;
alter table instances add column metadata_tags bigint not null default 0;

-- "v2.0", or nothing.
alter table images add column imds_support text not null default '';

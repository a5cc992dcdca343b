-- Addresses of the host that are mapped to guests: whole (both ports 0), or some ports of TCP and UDP.
create table addresses (
    allocation_id text primary key,
    owner text not null,
    region text not null references regions (region) on delete cascade,
    public_address bigint not null,
    from_port bigint not null,
    to_port bigint not null,
    -- Where its packets go, and at which port of the guest the first of its ports is; null and 0: nowhere.
    association_id text unique,
    interface_id text references network_interfaces (interface_id) on delete restrict,
    private_port bigint not null,
    created bigint not null
);

create index addresses_by_interface on addresses (interface_id);
create index addresses_by_owner on addresses (owner, region);

-- Types are bigint and text alone, so that SQLite and PostgreSQL read them alike.
-- Times are milliseconds since 1970, sizes are bytes, truth values are 0 and 1.

create table accounts (
    account_id text primary key,
    uid bigint not null unique,
    created bigint not null
);

-- One row; its key can have one value.
create table catalog_identity (
    singleton bigint primary key check (singleton = 1),
    catalog_id text not null
);

create table layers (
    layer_id text primary key,
    region text not null,
    parent_id text references layers (layer_id) on delete restrict,
    state text not null check (state in ('creating', 'live', 'frozen', 'deleting')),
    virtual_size bigint not null,
    created bigint not null
);

create index layers_by_parent on layers (parent_id);

create table snapshots (
    snapshot_id text primary key,
    owner text not null,
    region text not null,
    layer_id text references layers (layer_id) on delete restrict,
    volume_id text,
    state text not null check (state in ('pending', 'completed', 'error')),
    volume_size bigint not null,
    description text not null,
    created bigint not null
);

create index snapshots_by_layer on snapshots (layer_id);

create table images (
    image_id text primary key,
    owner text not null,
    region text not null,
    name text not null,
    description text not null,
    state text not null check (state in ('pending', 'available', 'deregistered', 'failed')),
    state_reason text not null,
    architecture text not null,
    virtualization_type text not null,
    boot_mode text not null,
    root_device_name text not null,
    kernel_id text not null,
    ramdisk_id text not null,
    platform text not null,
    login_user text not null,
    source_instance_id text,
    source_image_id text,
    is_public bigint not null,
    created bigint not null
);

-- A name may be used again after its image was deregistered or has failed.
create unique index images_name on images (owner, region, name) where state in ('pending', 'available');

create index images_by_region on images (region, created, image_id);

create table image_block_devices (
    image_id text not null references images (image_id) on delete cascade,
    device_name text not null,
    snapshot_id text references snapshots (snapshot_id) on delete restrict,
    volume_size bigint not null,
    volume_type text not null,
    delete_on_termination bigint not null,
    primary key (image_id, device_name)
);

create index image_block_devices_by_snapshot on image_block_devices (snapshot_id);

create table instances (
    instance_id text primary key,
    owner text not null,
    region text not null,
    zone text not null,
    reservation_id text not null,
    image_id text not null,
    instance_type text not null,
    state text not null check (state in ('pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated')),
    state_reason_code text not null,
    state_reason_message text not null,
    state_transition_reason text not null,
    architecture text not null,
    virtualization_type text not null,
    boot_mode text not null,
    platform text not null,
    root_device_name text not null,
    kernel_id text not null,
    ramdisk_id text not null,
    login_user text not null,
    key_name text not null,
    public_key text not null,
    user_data text not null,
    shutdown_behavior text not null,
    disable_api_termination bigint not null,
    launch_index bigint not null,
    client_token text not null,
    domain_uuid text not null,
    mac_address text not null,
    launched bigint not null,
    terminated bigint
);

create index instances_by_reservation on instances (reservation_id);

create table volumes (
    volume_id text primary key,
    owner text not null,
    region text not null,
    zone text not null,
    layer_id text references layers (layer_id) on delete restrict,
    snapshot_id text,
    state text not null check (state in ('creating', 'available', 'in-use', 'deleting', 'deleted', 'error')),
    size bigint not null,
    volume_type text not null,
    created bigint not null,
    instance_id text references instances (instance_id) on delete restrict,
    device_name text not null,
    attach_state text not null check (attach_state in ('', 'attaching', 'attached', 'detaching')),
    delete_on_termination bigint not null,
    attached bigint not null
);

create index volumes_by_instance on volumes (instance_id);
create index volumes_by_layer on volumes (layer_id);

create table key_pairs (
    key_pair_id text primary key,
    owner text not null,
    region text not null,
    key_name text not null,
    key_type text not null,
    fingerprint text not null,
    public_key text not null,
    created bigint not null,
    unique (owner, region, key_name)
);

create table tags (
    resource_id text not null,
    resource_type text not null,
    owner text not null,
    region text not null,
    key text not null,
    value text not null,
    primary key (resource_id, key)
);

create index tags_by_owner on tags (owner, region);

create table operations (
    operation_id text primary key,
    kind text not null,
    owner text not null,
    resource_id text not null,
    payload text not null,
    created bigint not null
);

create table client_tokens (
    owner text not null,
    region text not null,
    action text not null,
    token text not null,
    parameters_digest text not null,
    resource_id text not null,
    created bigint not null,
    primary key (owner, region, action, token)
);

-- A region's pool is a directory; a relative one is below the state directory.
create table regions (
    region text primary key,
    pool text not null unique,
    libvirt_uri text not null,
    created bigint not null
);

create table zones (
    zone text primary key,
    region text not null references regions (region) on delete cascade,
    position bigint not null
);

-- A layer has the same id in every region that has a copy of it, so the region is part of its key, and of what
-- refers to it.
create table layers_by_region (
    region text not null,
    layer_id text not null,
    parent_id text,
    state text not null check (state in ('creating', 'live', 'frozen', 'deleting')),
    virtual_size bigint not null,
    created bigint not null,
    primary key (region, layer_id),
    foreign key (region, parent_id) references layers_by_region (region, layer_id) on delete restrict
);

create table snapshots_by_region (
    snapshot_id text primary key,
    owner text not null,
    region text not null,
    layer_id text,
    volume_id text,
    state text not null check (state in ('pending', 'completed', 'error')),
    state_message text not null,
    volume_size bigint not null,
    description text not null,
    created bigint not null,
    foreign key (region, layer_id) references layers_by_region (region, layer_id) on delete restrict
);

create table volumes_by_region (
    volume_id text primary key,
    owner text not null,
    region text not null,
    zone text not null,
    layer_id text,
    snapshot_id text,
    state text not null check (state in ('creating', 'available', 'in-use', 'deleting', 'deleted', 'error')),
    size bigint not null,
    volume_type text not null,
    created bigint not null,
    instance_id text references instances (instance_id) on delete restrict,
    device_name text not null,
    attach_state text not null check (attach_state in ('', 'attaching', 'attached', 'detaching')),
    delete_on_termination bigint not null,
    attached bigint not null,
    foreign key (region, layer_id) references layers_by_region (region, layer_id) on delete restrict
);

create table image_block_devices_by_region (
    image_id text not null references images (image_id) on delete cascade,
    device_name text not null,
    snapshot_id text references snapshots_by_region (snapshot_id) on delete restrict,
    volume_size bigint not null,
    volume_type text not null,
    delete_on_termination bigint not null,
    primary key (image_id, device_name)
);

create table snapshot_permissions_by_region (
    snapshot_id text not null references snapshots_by_region (snapshot_id) on delete cascade,
    grantee text not null,
    primary key (snapshot_id, grantee)
);

create table volume_modifications_by_region (
    volume_id text primary key references volumes_by_region (volume_id) on delete cascade,
    state text not null check (state in ('modifying', 'optimizing', 'completed', 'failed')),
    status_message text not null,
    original_size bigint not null,
    original_type text not null,
    target_size bigint not null,
    target_type text not null,
    started bigint not null,
    ended bigint
);

insert into layers_by_region (region, layer_id, parent_id, state, virtual_size, created)
    select region, layer_id, parent_id, state, virtual_size, created from layers;
insert into snapshots_by_region (snapshot_id, owner, region, layer_id, volume_id, state, state_message, volume_size,
        description, created)
    select snapshot_id, owner, region, layer_id, volume_id, state, state_message, volume_size, description, created
    from snapshots;
insert into volumes_by_region (volume_id, owner, region, zone, layer_id, snapshot_id, state, size, volume_type, created,
        instance_id, device_name, attach_state, delete_on_termination, attached)
    select volume_id, owner, region, zone, layer_id, snapshot_id, state, size, volume_type, created,
        instance_id, device_name, attach_state, delete_on_termination, attached
    from volumes;
insert into image_block_devices_by_region (image_id, device_name, snapshot_id, volume_size, volume_type,
        delete_on_termination)
    select image_id, device_name, snapshot_id, volume_size, volume_type, delete_on_termination
    from image_block_devices;
insert into snapshot_permissions_by_region (snapshot_id, grantee) select snapshot_id, grantee from snapshot_permissions;
insert into volume_modifications_by_region (volume_id, state, status_message, original_size, original_type,
        target_size, target_type, started, ended)
    select volume_id, state, status_message, original_size, original_type, target_size, target_type, started, ended
    from volume_modifications;

drop table volume_modifications;
drop table snapshot_permissions;
drop table image_block_devices;
drop table volumes;
drop table snapshots;
update layers set parent_id = null;
drop table layers;

-- What refers to a table follows it to its new name.
alter table layers_by_region rename to layers;
alter table snapshots_by_region rename to snapshots;
alter table volumes_by_region rename to volumes;
alter table image_block_devices_by_region rename to image_block_devices;
alter table snapshot_permissions_by_region rename to snapshot_permissions;
alter table volume_modifications_by_region rename to volume_modifications;

create index layers_by_parent on layers (region, parent_id);
create index snapshots_by_layer on snapshots (region, layer_id);
create index volumes_by_layer on volumes (region, layer_id);
create index volumes_by_instance on volumes (instance_id);
create index image_block_devices_by_snapshot on image_block_devices (snapshot_id);

-- Layers that an operation needs although nothing else does.
create table layer_pins (
    operation_id text not null references operations (operation_id) on delete cascade,
    region text not null,
    layer_id text not null,
    primary key (operation_id, region, layer_id),
    foreign key (region, layer_id) references layers (region, layer_id) on delete restrict
);

create index layer_pins_by_layer on layer_pins (region, layer_id);

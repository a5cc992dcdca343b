alter table images add column root_device_type text not null default 'ebs'
    check (root_device_type in ('ebs', 'instance-store'));
-- "bucket/prefix.manifest.xml" of an instance-store image.
alter table images add column image_location text not null default '';
-- "ephemeral0" to "ephemeral3"; such a device has no snapshot and no size.
alter table image_block_devices add column virtual_name text not null default '';

alter table instances add column root_device_type text not null default 'ebs'
    check (root_device_type in ('ebs', 'instance-store'));

alter table volumes add column storage text not null default 'ebs' check (storage in ('ebs', 'instance-store'));
alter table volumes add column virtual_name text not null default '';

-- Buckets of the object store: whoever wrote into one first owns it.
create table buckets (
    bucket text primary key,
    owner text not null,
    created bigint not null
);

-- The layer that the bundle of an instance-store image was unpacked to.
create table unpacked_images (
    image_id text primary key references images (image_id) on delete cascade,
    region text not null,
    layer_id text not null,
    foreign key (region, layer_id) references layers (region, layer_id) on delete restrict
);

create table bundle_tasks (
    task_id text primary key,
    owner text not null,
    region text not null,
    instance_id text not null,
    bucket text not null,
    prefix text not null,
    state text not null check (state in ('pending', 'bundling', 'storing', 'complete', 'cancelling', 'failed')),
    error_code text not null,
    error_message text not null,
    started bigint not null,
    updated bigint not null
);

create index bundle_tasks_by_owner on bundle_tasks (owner, region);

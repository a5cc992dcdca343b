-- Keys of encrypted layers: the passphrase of each is the secret of that UUID that the region's
-- libvirt keeps. All layers of a chain have the same key, or none.
create table encryption_keys (
    key_id text not null primary key,
    owner text not null,
    region text not null,
    created bigint not null
);

create unique index encryption_keys_by_owner on encryption_keys (owner, region);

alter table layers add column key_id text references encryption_keys (key_id);

alter table snapshots add column key_id text references encryption_keys (key_id);

alter table volumes add column key_id text references encryption_keys (key_id);

alter table image_block_devices add column encrypted bigint not null default 0;

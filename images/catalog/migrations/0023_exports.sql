-- Images that are, or were, made a file of a foreign format.
create table export_tasks (
    task_id text primary key,
    owner text not null,
    region text not null,
    image_id text not null,
    base_image_id text, -- whose content a delta leaves out
    disk_image_format text not null
        check (disk_image_format in ('VMDK', 'RAW', 'VHD', 'qcow2', 'vhdx', 'ova', 'vagrant-libvirt')),
    description text not null,
    role_name text not null,
    bucket text not null, -- of the object store; empty: the file is kept beside the layers, to be fetched
    object_prefix text not null,
    state text not null check (state in ('active', 'completed', 'deleting', 'deleted')),
    status_message text not null,
    virtual_size bigint not null,
    file_size bigint not null, -- 0 until it is completed; so is the digest
    sha256 text not null,
    started bigint not null,
    updated bigint not null -- when the state changed last
);

create index export_tasks_by_owner on export_tasks (owner, region);

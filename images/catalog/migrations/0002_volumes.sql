-- Why a snapshot is in state error, else empty.
alter table snapshots add column state_message text not null default '';

-- Who else may make volumes of a snapshot: account ids, or 'all'.
create table snapshot_permissions (
    snapshot_id text not null references snapshots (snapshot_id) on delete cascade,
    grantee text not null,
    primary key (snapshot_id, grantee)
);

-- The last change of each volume that was changed.
create table volume_modifications (
    volume_id text primary key references volumes (volume_id) on delete cascade,
    state text not null check (state in ('modifying', 'optimizing', 'completed', 'failed')),
    status_message text not null,
    original_size bigint not null,
    original_type text not null,
    target_size bigint not null,
    target_type text not null,
    started bigint not null,
    ended bigint
);

-- Files that clients send to be imported. An upload is taken by the task that imports it.
create table uploads (
    upload_id text primary key,
    owner text not null,
    region text not null,
    size bigint not null check (size > 0),
    created bigint not null
);

create index uploads_by_owner on uploads (owner, region);

-- Imports of images and snapshots: what was asked for, and what has become of it.
create table import_tasks (
    task_id text primary key,
    owner text not null,
    region text not null,
    state text not null check (state in ('active', 'completed', 'deleting', 'deleted')),
    request text not null,
    message text not null,
    image_id text,
    result text not null,
    created bigint not null
);

create index import_tasks_by_owner on import_tasks (owner, region);
create index import_tasks_by_state on import_tasks (state);

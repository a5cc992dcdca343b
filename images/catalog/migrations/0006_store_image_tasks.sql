-- Images that are, or were, stored as one object of a bucket each.
create table store_image_tasks (
    image_id text not null,
    bucket text not null,
    object_key text not null,
    owner text not null,
    region text not null,
    state text not null check (state in ('InProgress', 'Completed', 'Failed')),
    failure text not null,
    started bigint not null,
    primary key (image_id, bucket)
);

create index store_image_tasks_by_owner on store_image_tasks (owner, region);

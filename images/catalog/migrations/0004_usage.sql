-- One span of time in which what is charged for a resource did not change. Rows are ended, never changed or deleted.
create table usage_records (
    record_id text primary key,
    owner text not null,
    region text not null,
    resource_id text not null,
    kind text not null check (kind in ('instance', 'volume', 'snapshot', 'bundle')),
    type text not null,
    size bigint not null,
    started bigint not null,
    ended bigint check (ended >= started)
);

create index usage_records_by_resource on usage_records (resource_id, started);
create index usage_records_by_owner on usage_records (owner, started);
-- Of one resource one record runs.
create unique index usage_records_running on usage_records (resource_id) where ended is null;

-- What the snapshot's own layer occupies: what it is charged for.
alter table snapshots add column stored_size bigint not null default 0;

-- What is there already is charged from its own beginning; of its snapshots nobody has noted more than the volume's size.
update snapshots set stored_size = volume_size where state = 'completed';

insert into usage_records (record_id, owner, region, resource_id, kind, type, size, started, ended)
select 'use-' || substr(instance_id, 3), owner, region, instance_id, 'instance', instance_type, 0, launched, null
from instances where state = 'running';

insert into usage_records (record_id, owner, region, resource_id, kind, type, size, started, ended)
select 'use-' || substr(volume_id, 5), owner, region, volume_id, 'volume', volume_type, size, created, null
from volumes where state in ('creating', 'available', 'in-use');

insert into usage_records (record_id, owner, region, resource_id, kind, type, size, started, ended)
select 'use-' || substr(snapshot_id, 6), owner, region, snapshot_id, 'snapshot', 'snapshot', stored_size, created, null
from snapshots where state = 'completed';

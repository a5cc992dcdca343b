-- Each account has its own tags, on what is shared with it, too.
create table tags_of_accounts (
    resource_id text not null,
    resource_type text not null,
    owner text not null,
    region text not null,
    key text not null,
    value text not null,
    primary key (resource_id, owner, key)
);

insert into tags_of_accounts (resource_id, resource_type, owner, region, key, value)
select resource_id, resource_type, owner, region, key, value from tags;

drop table tags;
alter table tags_of_accounts rename to tags;
create index tags_by_owner on tags (owner, region);

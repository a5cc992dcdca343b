-- What launches are made from; a template's versions never change. A number is never used again.
create table launch_templates (
    launch_template_id text primary key,
    owner text not null,
    region text not null,
    name text not null,
    created bigint not null,
    created_by text not null,
    default_version bigint not null,
    latest_version bigint not null,
    next_version bigint not null,
    unique (owner, region, name)
);

create table launch_template_versions (
    launch_template_id text not null references launch_templates (launch_template_id) on delete cascade,
    version bigint not null,
    description text not null,
    created bigint not null,
    created_by text not null,
    parameters text not null, -- JSON
    image_id text not null, -- that they name; empty: none
    primary key (launch_template_id, version)
);

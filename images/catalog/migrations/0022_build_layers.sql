-- Layers that builds have made, kept for the next build of the same: needed as long as this says so. The key is
-- the SHA-256 of what made the layer; it counts only while the layer of the stage before is parent_id.
create table build_layers (
    owner text not null,
    region text not null,
    build_key text not null,
    layer_id text not null,
    parent_id text,
    created bigint not null,
    last_used bigint not null,
    primary key (owner, region, build_key),
    foreign key (region, layer_id) references layers (region, layer_id) on delete restrict
);

create index build_layers_by_layer on build_layers (region, layer_id);

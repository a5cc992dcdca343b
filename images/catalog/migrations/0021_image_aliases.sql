-- Names that stand for images in the requests of an account; an AMI id of somewhere else can be one.
create table image_aliases (
    owner text not null,
    region text not null,
    alias text not null,
    image_id text not null references images (image_id) on delete cascade,
    updated bigint not null,
    primary key (owner, region, alias)
);

create index image_aliases_by_image on image_aliases (image_id);

-- Where an image comes from: the region of its source image, and how it was made.
alter table images add column source_region text not null default '';
alter table images add column origin text not null default '';
update images set source_region = coalesce(
        (select source.region from images source where source.image_id = images.source_image_id), region)
    where source_image_id is not null;
update images set origin = 'copy' where source_image_id is not null;
update images set origin = 'capture' where source_instance_id is not null;

create index images_by_source on images (source_image_id);

-- The id that a launch asked for, where an alias was one; else empty.
alter table instances add column asked_image_id text not null default '';

-- What was found in an image about its guests' operating system: libosinfo's short id, and drivers.
alter table images add column os_id text not null default '';
alter table images add column drivers text not null default '';
-- What kiln itself uses the image for: "pv-appliance"; else empty.
alter table images add column purpose text not null default '';
alter table instances add column os_id text not null default '';
alter table instances add column drivers text not null default '';

-- What an image and its instances ask of the firmware besides the boot mode.
alter table images add column tpm_support text not null default '';
alter table images add column secure_boot bigint not null default 0;
alter table instances add column tpm_support text not null default '';
alter table instances add column secure_boot bigint not null default 0;

-- Kernels of hvm images made no difference, nor did boot modes of architectures that no host ran: now they would.
update images set kernel_id = '', ramdisk_id = '' where virtualization_type = 'hvm';
update instances set kernel_id = '', ramdisk_id = '' where virtualization_type = 'hvm';
update images set boot_mode = 'uefi' where architecture in ('arm64', 'x86_64_mac');
update images set boot_mode = 'legacy-bios' where architecture = 'i386';

-- The variables that guests of an image begin with: base64.
create table image_uefi_data (
    image_id text primary key references images (image_id) on delete cascade,
    uefi_data text not null
);

-- Accounts are counted: QEMU of an account's guests runs as the user of that number.
alter table accounts add column number bigint;

update accounts set number = (
    select count(*) from accounts as earlier
    where earlier.created < accounts.created
        or (earlier.created = accounts.created and earlier.account_id <= accounts.account_id));

create unique index accounts_by_number on accounts (number);

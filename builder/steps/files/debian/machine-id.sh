#!/bin/sh
# Runs in the initramfs, before systemd. A captured image brings along the machine-id of the guest that it was taken
# of: on any other machine than the one that it was made on it goes, and systemd makes one.
[ "$1" != prereqs ] || exit 0

for uuid in /sys/class/dmi/id/product_uuid /sys/hypervisor/uuid; do
    [ ! -r "$uuid" ] || machine=$(cat "$uuid")
done
made_on=$rootmnt/var/lib/misc/machine-id-made-on
[ -n "$machine" ] || exit 0
[ "$machine" != "$(cat "$made_on" 2>/dev/null)" ] || exit 0

mount -o remount,rw none "$rootmnt" || exit 0
: >"$rootmnt/etc/machine-id"
echo "$machine" >"$made_on"
[ "$readonly" != y ] || mount -o remount,ro none "$rootmnt"

# Runs on the host after the last package; "$1" is the system's tree. What each instance must have of its own,
# and what only the build needed, goes.

# Empty, not missing: systemd then makes one at boot without taking the boot for a first one.
: > "$1/etc/machine-id"
rm -f "$1/var/lib/dbus/machine-id"
rm -f "$1"/etc/ssh/ssh_host_*
rm -f "$1/var/lib/systemd/random-seed"

# mmdebstrap copies the host's.
ln -sf ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"
rm -f "$1/etc/.resolv.conf.systemd-resolved.bak"

# A first boot that updates package lists holds apt's lock just when a user wants to install something; there are
# no LVM snapshots for e2scrub to look after.
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
done

find "$1/var/log" -type f -exec truncate -s 0 {} +
rm -rf "$1"/var/log/apt/* "$1"/var/log/journal/* "$1/var/log/dpkg.log" "$1/var/log/bootstrap.log" \
    "$1/var/log/alternatives.log"
rm -rf "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*
rm -f "$1"/var/cache/debconf/*-old "$1"/etc/passwd- "$1"/etc/group- "$1"/etc/shadow- "$1"/etc/gshadow-
rm -rf "$1"/var/tmp/* "$1/root/.bash_history"
rm -f "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap "$1"/etc/apt/apt.conf.d/99mmdebstrap

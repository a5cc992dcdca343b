#include "builder/export/vagrant_guest.hpp"

#include "base/error.hpp"
#include "builder/export/account_files.hpp"
#include "builder/steps/guest_files.hpp"

namespace kiln::builder {

namespace {

constexpr const char* user_name = "vagrant";
constexpr const char* home = "/home/vagrant";
constexpr const char* keys = "/home/vagrant/.ssh";
constexpr const char* authorized_keys = "/home/vagrant/.ssh/authorized_keys";
constexpr const char* units = "/etc/systemd/system";
constexpr const char* wants = "/etc/systemd/system/multi-user.target.wants";
constexpr const char* host_keys_unit = "/etc/systemd/system/vagrant-host-keys.service";
constexpr const char* wanted_host_keys_unit =
    "/etc/systemd/system/multi-user.target.wants/vagrant-host-keys.service";

constexpr int directory_of_all = 0755;
constexpr int directory_of_one = 0700;
constexpr int file_of_all = 0644;
constexpr int file_of_one = 0600;
constexpr int file_of_sudo = 0440;

std::string content_of(const char* name) {
    return std::string(guest_file(name));
}

void add_vagrant_user(GuestTree& tree) {
    AccountFiles files{.passwd = tree.read("/etc/passwd"),
                       .shadow = tree.read("/etc/shadow"),
                       .group = tree.read("/etc/group"),
                       .gshadow = tree.read("/etc/gshadow")};
    const AccountFiles before = files;
    const UserIds ids =
        add_user(files, user_name, tree.is_file("/bin/bash") ? "/bin/bash" : "/bin/sh");
    if (files.passwd != before.passwd) tree.rewrite("/etc/passwd", files.passwd);
    if (files.shadow != before.shadow) tree.rewrite("/etc/shadow", files.shadow);
    if (files.group != before.group) tree.rewrite("/etc/group", files.group);
    if (files.gshadow != before.gshadow) tree.rewrite("/etc/gshadow", files.gshadow);
    tree.make_directory("/home", {.mode = directory_of_all});
    tree.make_directory(home, {.mode = directory_of_all, .user = ids.user, .group = ids.group});
    tree.make_directory(keys, {.mode = directory_of_one, .user = ids.user, .group = ids.group});
    tree.write(authorized_keys, content_of("vagrant/authorized_keys"),
               {.mode = file_of_one, .user = ids.user, .group = ids.group});
}

void prepare_debian(GuestTree& tree) {
    tree.write("/etc/sudoers.d/vagrant", content_of("vagrant/sudoers"), {.mode = file_of_sudo});
    tree.make_directory("/etc/systemd/network", {.mode = directory_of_all});
    tree.write("/etc/systemd/network/90-vagrant.network", content_of("vagrant/dhcp.network"),
               {.mode = file_of_all});
    // It would look for a cloud for minutes, and give the user another key.
    if (tree.is_directory("/etc/cloud"))
        tree.write("/etc/cloud/cloud-init.disabled", "", {.mode = file_of_all});
    tree.remove("/etc/ssh/ssh_host_*");
    tree.write(host_keys_unit, content_of("vagrant/host-keys.service"), {.mode = file_of_all});
    tree.make_directory(wants, {.mode = directory_of_all});
    tree.make_link(host_keys_unit, wanted_host_keys_unit);
    tree.rewrite("/etc/machine-id", "");
}

/// It makes keys and machine-id anew where it does not find its own instance's id.
void prepare_tiny(GuestTree& tree) {
    tree.remove("/var/lib/kiln/instance-id");
    tree.remove("/etc/dropbear/*");
}

}  // namespace

bool prepare_for_vagrant(const GuestTree::Disk& disk) {
    GuestTree tree(disk);
    const bool is_tiny = tree.is_file("/usr/bin/kiln-instance-data");
    const bool is_debian = tree.is_file("/etc/debian_version") && tree.is_directory(units) &&
                           tree.is_directory("/etc/ssh") && tree.is_directory("/etc/sudoers.d");
    if (!is_tiny && !is_debian) {
        throw Error(error_code::unsupported_operation, "",
                    "the image is no system that a box of Vagrant can be made of: Debian with "
                    "systemd, openssh-server and sudo, or what the recipe tiny builds");
    }
    add_vagrant_user(tree);
    if (is_tiny) {
        prepare_tiny(tree);
    } else {
        prepare_debian(tree);
    }
    tree.close();
    return is_tiny;
}

}  // namespace kiln::builder

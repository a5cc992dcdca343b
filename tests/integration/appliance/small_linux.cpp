#include "tests/integration/appliance/small_linux.hpp"

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace kiln::tests {

namespace fs = std::filesystem;

namespace {

constexpr const char* size_of_disk = "96M";

/// busybox has neither of these.
constexpr const char* useradd =
    "#!/bin/sh -e\n"
    "for name; do :; done\n"
    "echo \"$*\" >>/var/useradd\n"
    "echo \"$name:x:1000:1000::/home/$name:/bin/sh\" >>/etc/passwd\n"
    "echo \"$name:x:1000:\" >>/etc/group\n"
    "mkdir -p \"/home/$name\"\n"
    "chown 1000:1000 \"/home/$name\"\n";
constexpr const char* groupadd = "#!/bin/sh -e\necho \"$1:x:2000:\" >>/etc/group\n";

}  // namespace

SmallLinux::SmallLinux(fs::path tree) : tree_(std::move(tree)) {
    for (const char* name : {"bin", "dev", "proc", "sys", "run", "root", "home", "tmp", "var/log"})
        fs::create_directories(tree_ / name);
    fs::permissions(tree_ / "tmp", fs::perms(01777));
    fs::copy_file("/usr/bin/busybox", tree_ / "bin/busybox");
    const std::string applets = run_checked({.arguments = {"busybox", "--list"}});
    for (const std::string& name : split(trim(applets), '\n')) {
        if (name != "busybox") fs::create_symlink("busybox", tree_ / "bin" / name);
    }
    write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/var/www:/bin/sh\n");
    write("/etc/group", "root:x:0:\nweb:x:34:\n");
    write("/etc/shadow", "root:*:1:0:99999:7:::\n", 0600);
    write("/etc/hosts", "127.0.0.1 localhost\n");
    write("/etc/fstab", "# none\n");
    write("/etc/os-release", "ID=small\nVERSION_ID=1\nVERSION_CODENAME=\"tiny\"\nNAME=small\n");
    write("/usr/sbin/useradd", useradd, 0755);
    write("/usr/sbin/groupadd", groupadd, 0755);
}

void SmallLinux::write(const std::string& path, const std::string& content, int mode) const {
    const fs::path file = tree_ / path.substr(1);
    fs::create_directories(file.parent_path());
    write_file_atomically(file, content, mode);
}

void SmallLinux::link(const std::string& path, const std::string& target) const {
    fs::create_symlink(target, tree_ / path.substr(1));
}

void SmallLinux::make_disk(const fs::path& qcow2) const {
    const std::string raw = qcow2.string() + ".raw";
    run_checked({.arguments = {"truncate", std::string("--size=") + size_of_disk, raw}});
    run_checked({.arguments = {"mke2fs", "-q", "-t", "ext4", "-d", tree_, raw}});
    run_checked({.arguments = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2}});
    remove_file(raw);
}

DiskView::DiskView(const fs::path& qcow2, fs::path work) : raw_(std::move(work)) {
    run_checked(
        {.arguments = {"qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", qcow2, raw_}});
}

std::string DiskView::ask(const std::string& request) const {
    return run_checked({.arguments = {"debugfs", "-R", request, raw_}});
}

bool DiskView::is_clean() const {
    const std::string header = run_checked({.arguments = {"dumpe2fs", "-h", raw_}});
    return header.find("needs_recovery") == std::string::npos &&
           run_process({.arguments = {"e2fsck", "-n", "-f", raw_}}).exit_status == 0;
}

}  // namespace kiln::tests

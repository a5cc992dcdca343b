#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/units.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::tests {

/// Runs `work` with the path of an empty file system of that size, which only the thread it runs in
/// can see and which goes with that thread. Needs root.
inline void run_on_small_file_system(
    Bytes size, const std::function<void(const std::filesystem::path&)>& work) {
    const TemporaryDirectory mount_point;
    std::thread([&] {
        const std::string options = "size=" + std::to_string(size.value);
        const char* path = mount_point.path().c_str();
        // In a chroot "/" is no mount point, and nothing there passes mounts on.
        if (::unshare(CLONE_NEWNS) != 0 ||
            (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 &&
             errno != EINVAL) ||
            ::mount("tmpfs", path, "tmpfs", 0, options.c_str()) != 0) {
            ADD_FAILURE()
                << system_error("mount a small file system (this test needs root)").what();
            return;
        }
        work(mount_point.path());
    }).join();
}

}  // namespace kiln::tests

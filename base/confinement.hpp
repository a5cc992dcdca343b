#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>

#include "base/process.hpp"
#include "base/units.hpp"

namespace kiln {

/// What a program may use that reads what a stranger made.
struct Confinement {
    /// Whom it runs as, in a group of the same number and in no other; nullopt: as this process.
    std::optional<uid_t> user;
    Bytes memory = Bytes::gibibytes(1);  // address space
    std::chrono::seconds processor_time{60};
    Bytes largest_file;  // that it may write
};

/// The command with less around it: no network and no other processes where the kernel lets them be
/// taken away, no environment, no way to more privileges, no core file, at most 64 open files, and
/// the limits. It ends with its caller, and all that it started with it. By util-linux: prlimit,
/// unshare, setpriv. Any thread.
Command confined(Command command, const Confinement& confinement);

/// A user id that nobody on this host has, for programs that are to reach nobody's files: another
/// one for each slot, so that two programs cannot reach each other. nullopt when this process may
/// not become somebody else. Throws Error{InternalError} when all of
/// them have names.
std::optional<uid_t> unused_user(unsigned slot);

}  // namespace kiln

#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/fd.hpp"

namespace kiln::images {

/// The control connection of a QEMU program: JSON, a line each.
/// https://www.qemu.org/docs/master/interop/qmp-spec.html One thread.
class Qmp {
  public:
    /// Of a connected socket; ends its negotiation. Throws Error{InternalError}.
    explicit Qmp(Fd connection);

    /// Runs a command and returns what it answers. Throws Error{InternalError} with QEMU's own
    /// words when it refuses, when it is gone and when it does not answer within the time.
    nlohmann::json execute(const std::string& command, const nlohmann::json& arguments,
                           std::chrono::milliseconds time_limit);

  private:
    std::string read_line(std::chrono::steady_clock::time_point deadline);
    nlohmann::json read_reply(std::chrono::steady_clock::time_point deadline);

    Fd connection_;
    std::string unread_;
};

}  // namespace kiln::images

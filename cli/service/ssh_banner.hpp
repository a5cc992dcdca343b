#pragma once

#include <chrono>
#include <string>

namespace kiln::cli {

struct SshEndpoint {
    std::string host;  // an address
    std::string port;
};

/// Whether a server says "SSH-" within the time. A connection alone proves nothing: what forwards
/// a port takes connections for a guest that still boots.
bool ssh_answers(const SshEndpoint& endpoint, std::chrono::milliseconds time);

}  // namespace kiln::cli

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/script/script.hpp"
#include "hypervisor/hypervisor.hpp"

namespace kiln::builder {

/// Runs scripts as root in a running guest. One thread.
class GuestShell {
  public:
    virtual ~GuestShell() = default;
    /// Logs each line as it comes. Throws Error{BuildFailed} when the guest does not run it,
    /// Error{Canceled} after a stop: then it may still run.
    virtual ScriptResult run(const Script& script, const StepLog& log,
                             const std::stop_token& stop) = 0;
};

/// Through the guest's agent, which must be there and let programs be run.
std::unique_ptr<GuestShell> agent_shell(hypervisor::Hypervisor& hypervisor,
                                        const std::string& domain);

struct SshLogin {
    std::string host;
    std::uint16_t port = 22;
    std::string user;                   // root, or one who may become root by sudo
    std::filesystem::path private_key;  // for this guest alone: whose host key nobody knows
};
/// Through the guest's ssh server.
std::unique_ptr<GuestShell> ssh_shell(const SshLogin& login);

/// Shell that reads a script from its standard input, puts it into a new directory and begins to
/// run it, and that which tells how far it is: in the first line the exit status, or "-" while it
/// runs, then what it has said from an offset on. Pure.
std::string beginning_in_background(const Script& script, const std::string& directory);
std::string progress_in_background(const std::string& directory, std::size_t offset);
struct ScriptProgress {
    std::optional<int> exit_status;
    std::string output;
};
/// Reads such an answer; nullopt for another one. Pure.
std::optional<ScriptProgress> parse_progress(const std::string& answer);

/// Shell that reads a script from its standard input and runs it to its end, with its status. Pure.
std::string running_in_foreground(const Script& script, const std::string& directory);
/// The command line of ssh that runs the shell text there as root. Pure.
std::vector<std::string> ssh_command(const SshLogin& login, const std::string& text);

}  // namespace kiln::builder

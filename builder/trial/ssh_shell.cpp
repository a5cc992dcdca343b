#include <fmt/format.h>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "builder/steps/build.hpp"
#include "builder/trial/guest_shell.hpp"

namespace kiln::builder {

namespace {

/// The guest ends a script itself; this is for one that does not.
constexpr std::chrono::minutes time_around{1};
constexpr int status_of_ssh = 255;  // ssh's own failure

class SshShell final : public GuestShell {
  public:
    explicit SshShell(SshLogin login) : login_(std::move(login)) {}

    ScriptResult run(const Script& script, const StepLog& log,
                     const std::stop_token& stop) override {
        const std::string text = running_in_foreground(script, "/tmp/kiln-" + random_hex(12));
        ProcessResult result;
        try {
            result = run_process({.arguments = ssh_command(login_, text),
                                  .time_limit = script.time_limit + time_around,
                                  .standard_input = script.text,
                                  .on_line = [&](std::string_view line) { log_lines(line, log); },
                                  .stop = stop});
        } catch (const Error& error) {
            if (error.code() == "Canceled") throw;
            throw build_failed(error.message());
        }
        if (result.exit_status == status_of_ssh) {
            throw build_failed(fmt::format("nobody can log in to the guest as {}: {}", login_.user,
                                           trim(result.standard_error)));
        }
        std::string output = result.standard_output + result.standard_error;
        if (output.size() > most_script_output) output.erase(0, output.size() - most_script_output);
        return {.exit_status = result.exit_status, .output = std::move(output)};
    }

  private:
    SshLogin login_;
};

}  // namespace

std::unique_ptr<GuestShell> ssh_shell(const SshLogin& login) {
    return std::make_unique<SshShell>(login);
}

}  // namespace kiln::builder

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/random.hpp"
#include "builder/steps/build.hpp"
#include "builder/trial/guest_shell.hpp"
#include "builder/trial/patience.hpp"

namespace kiln::builder {

namespace {

constexpr std::chrono::seconds time_to_answer{60};  // a guest that is emulated, on a busy host
constexpr std::chrono::milliseconds first_look{100};
constexpr std::chrono::milliseconds last_look{1000};
/// The guest ends a script itself; this is for one that does not.
constexpr std::chrono::minutes time_around{1};

constexpr std::size_t longest_line = 64U << 10U;  // before it is handed on in pieces

/// What a script has said so far, handed on in whole lines.
class Output {
  public:
    explicit Output(const StepLog& log) : log_(log) {}

    std::size_t size() const { return size_; }
    void add(const std::string& piece) {
        size_ += piece.size();
        kept_ += piece;
        if (kept_.size() > most_script_output) kept_.erase(0, kept_.size() - most_script_output);
        line_ += piece;
        for (std::size_t end = line_.find('\n'); end != std::string::npos; end = line_.find('\n')) {
            log_lines(line_.substr(0, end), log_);
            line_.erase(0, end + 1);
        }
        if (line_.size() < longest_line) return;
        log_lines(line_, log_);
        line_.clear();
    }
    std::string end() {
        log_lines(line_, log_);
        return std::move(kept_);
    }

  private:
    const StepLog& log_;
    std::size_t size_ = 0;
    std::string kept_;
    std::string line_;
};

/// A script runs in the guest's background and is looked at: so that a build can be canceled, and
/// what it says is seen as it comes.
class AgentShell final : public GuestShell {
  public:
    AgentShell(hypervisor::Hypervisor& hypervisor, std::string domain)
        : hypervisor_(hypervisor), domain_(std::move(domain)) {}

    ScriptResult run(const Script& script, const StepLog& log,
                     const std::stop_token& stop) override {
        const std::string directory = "/tmp/kiln-" + random_hex(12);
        const auto begun = ask(beginning_in_background(script, directory), script.text);
        if (begun.exit_status != 0) {
            throw build_failed(fmt::format("the guest does not run a script: {}", begun.output));
        }
        const Patience patience(stop, script.time_limit + time_around);
        Output output(log);
        for (auto interval = first_look;; interval = std::min(interval * 2, last_look)) {
            const auto progress =
                parse_progress(ask(progress_in_background(directory, output.size())).output);
            if (!progress) throw build_failed("the guest does not say how far a script is");
            output.add(progress->output);
            if (progress->exit_status && progress->output.empty()) {
                ask("rm -rf " + directory);
                return {.exit_status = *progress->exit_status, .output = output.end()};
            }
            if (patience.is_over()) throw build_failed("a script in the guest does not end");
            patience.throw_if_stopped();
            if (!progress->output.empty()) continue;  // there may be more
            patience.wait(interval);
        }
    }

  private:
    hypervisor::GuestProgramResult ask(const std::string& text, const std::string& input = "") {
        try {
            return hypervisor_.run_in_guest(domain_, {.arguments = {"/bin/sh", "-c", text},
                                                      .standard_input = input,
                                                      .time_limit = time_to_answer});
        } catch (const Error& error) {
            throw build_failed(error.message());
        }
    }

    hypervisor::Hypervisor& hypervisor_;
    std::string domain_;
};

}  // namespace

std::unique_ptr<GuestShell> agent_shell(hypervisor::Hypervisor& hypervisor,
                                        const std::string& domain) {
    return std::make_unique<AgentShell>(hypervisor, domain);
}

}  // namespace kiln::builder

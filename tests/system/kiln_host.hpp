#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::tests {

using Arguments = std::vector<std::string>;

/// Looks every 100 ms until `is_so` returns true. Throws an Error that says what was waited for
/// when it has not come true within `limit`.
void wait_until(std::string_view description, const std::function<bool()>& is_so,
                std::chrono::seconds limit);

/// A kiln of a test's own: a state directory, a home and a service that nobody else uses, driven
/// through the program `kiln` as a person drives it. Guests run in the libvirt of
/// tests/system/in-private-host; there is no KilnHost outside of it. One thread.
///
/// What fails outside of an expectation is thrown as an Error, which ends the test.
class KilnHost {
  public:
    /// An empty catalog.
    KilnHost();
    /// With one image, built from the recipe of that name ("tiny", "debian-12"). Each recipe is
    /// built once on a private host; every KilnHost then gets its own copy of the result.
    explicit KilnHost(const std::string& recipe);
    /// Terminates the instances, ends the service and removes everything.
    ~KilnHost();
    KilnHost(const KilnHost&) = delete;
    KilnHost& operator=(const KilnHost&) = delete;

    /// Writes the configuration file of the services that start from now on.
    void configure(const std::string& yaml) const;

    /// From now on commands work in that region; "" is the service's own.
    void work_in(const std::string& region) { region_ = region; }

    /// From now on commands act as that account; "" is the user's own.
    void act_as(const std::string& account) { account_ = account; }

    /// Runs `kiln ARGUMENTS…` to its end, which starts the service when none runs.
    ProcessResult kiln(const Arguments& arguments) const;
    /// As above, with a standard input.
    ProcessResult kiln(const Arguments& arguments, const std::string& standard_input) const;
    /// Runs it with `--output json` and reads the answer; throws when its exit status is not 0.
    nlohmann::json kiln_json(Arguments arguments) const;
    /// Expects that the command ends with exit status 1 and names the EC2 error code.
    void expect_refused(const Arguments& arguments, std::string_view error_code,
                        const char* file = __builtin_FILE(), int line = __builtin_LINE()) const;

    /// The id of the image that the recipe built.
    const std::string& image_id() const;
    /// Launches one instance and waits until it runs. `options` are added to the command. Returns
    /// its InstanceId.
    std::string run_instance(const std::string& image_id, const Arguments& options = {}) const;
    /// What describe-instances says of it.
    nlohmann::json instance(const std::string& instance_id) const;
    std::string instance_state(const std::string& instance_id) const;
    std::string private_address(const std::string& instance_id) const;
    /// What the guest calls itself: "ip-172-31-0-5".
    std::string host_name(const std::string& instance_id) const;
    /// Runs a command in the guest through `kiln ssh`. Returns its trimmed output; throws when it
    /// fails.
    std::string ssh(const std::string& instance_id, const std::string& command) const;

    /// Starts the service when none runs, and waits until it answers.
    void start_service() const;
    /// Ends the service with SIGKILL and waits until it is gone. Guests go on.
    void kill_service() const;
    /// Ends the service in an orderly way, if one runs, and waits until it is gone.
    void stop_service() const;
    /// Terminates the instances of all accounts and regions and ends the service, as the destructor
    /// does. What fails is a failure of the test.
    void clear();
    /// The process that listens on the service's socket. Throws when none does.
    pid_t service_pid() const;

    const std::filesystem::path& state_directory() const { return state_directory_; }
    const std::filesystem::path& home() const { return home_; }
    std::filesystem::path socket() const;

  private:
    std::filesystem::path configuration() const { return home_ / "kiln.yaml"; }
    ProcessResult run(const Arguments& arguments, const std::string& standard_input) const;
    void terminate_instances(const std::string& region);
    /// Of the instances that a status command names: why one does not become ok.
    std::string stories_of(const Arguments& arguments) const;
    /// How the instance ended, what QEMU said, where its processors are, and its console.
    std::string story_of(const std::string& instance_id) const;
    void end_service(int signal) const;

    TemporaryDirectory directory_;
    std::filesystem::path state_directory_;
    std::filesystem::path home_;
    std::string image_id_;
    std::string region_;
    std::string account_;
};

}  // namespace kiln::tests

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/actions/key_file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/service/service.hpp"
#include "cli/service/ssh_banner.hpp"
#include "cli/terminal/progress.hpp"
#include "cli/usage_error.hpp"
#include "cli/user_directories.hpp"

namespace kiln::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds default_ssh_wait{60};
/// A slow guest takes its time from the connection to the first word.
constexpr std::chrono::seconds time_to_answer{5};
constexpr std::chrono::milliseconds retry_interval{250};
constexpr const char* describe_connection = "DescribeInstanceConnection";
constexpr const char* describe_instances = "DescribeInstances";

struct Connection {
    SshEndpoint endpoint;
    std::string user;
    std::string key_name;
};

std::string state_of(Service& service, const std::string& instance) {
    const api::Reply reply = service.call(describe_instances, {{"InstanceId.1", instance}});
    return reply_text(describe_instances, reply, "Reservations.Instances.State.Name");
}

Connection ask_connection(Service& service, const std::string& instance) {
    const api::Reply reply = service.call(describe_connection, {{"InstanceId", instance}});
    const auto text = [&](const char* path) {
        return reply_text(describe_connection, reply, path);
    };
    return {.endpoint = {.host = text("Host"), .port = text("Port")},
            .user = text("User"),
            .key_name = text("KeyName")};
}

/// Where the instance's ssh server answers, as soon as it does.
Connection wait_for_ssh(Service& service, const std::string& instance,
                        std::chrono::seconds time_limit) {
    const Clock::time_point deadline = Clock::now() + time_limit;
    Progress progress;
    while (true) {
        std::string state = "running";
        try {
            Connection connection = ask_connection(service, instance);
            if (ssh_answers(connection.endpoint, time_to_answer)) return connection;
        } catch (const Error& error) {
            if (error.code() != error_code::incorrect_instance_state) throw;
            state = state_of(service, instance);
            if (state != "pending" && state != "running") throw;
        }
        if (Clock::now() >= deadline) {
            throw Error("WaitTimeout", instance,
                        fmt::format("no ssh server answered in {} within {} s (it is {}); 'kiln "
                                    "console {}' shows what it does",
                                    instance, time_limit.count(), state, instance));
        }
        progress.show(fmt::format("{} is {}; waiting for its ssh server", instance, state));
        std::this_thread::sleep_for(retry_interval);
    }
}

std::vector<std::string> ssh_words(const std::string& instance, const Connection& connection,
                                   const CommandLine& line) {
    const auto known_hosts = user_state_directory() / "known_hosts";
    make_private_directory(known_hosts.parent_path());
    std::vector<std::string> words{"ssh",
                                   "-p",
                                   connection.endpoint.port,
                                   "-l",
                                   line.value("login").value_or(connection.user),
                                   "-o",
                                   "HostKeyAlias=" + instance,
                                   "-o",
                                   "UserKnownHostsFile=" + known_hosts.string(),
                                   "-o",
                                   "StrictHostKeyChecking=accept-new",
                                   "-o",
                                   "LogLevel=ERROR"};
    std::string key = line.value("identity").value_or("");
    if (key.empty() && !connection.key_name.empty()) {
        const auto saved = key_file_of(connection.key_name);
        if (std::filesystem::exists(saved)) key = saved.string();
    }
    if (!key.empty()) words.insert(words.end(), {"-i", key, "-o", "IdentitiesOnly=yes"});
    words.push_back(connection.endpoint.host);
    return words;
}

int run(const CommandLine& line, const std::vector<std::string>& remote_command) {
    if (line.arguments.size() != 1) refuse_usage("give one instance: kiln ssh i-…");
    const std::string& instance = line.arguments.front();
    const auto time_limit = seconds_option(line, "wait-timeout", default_ssh_wait);
    Service service(line);
    const Connection connection = wait_for_ssh(service, instance, time_limit);
    std::vector<std::string> words = ssh_words(instance, connection, line);
    words.insert(words.end(), remote_command.begin(), remote_command.end());
    std::vector<char*> arguments;
    std::ranges::transform(words, std::back_inserter(arguments),
                           [](std::string& word) { return word.data(); });
    arguments.push_back(nullptr);
    ::execvp("ssh", arguments.data());
    throw system_error("run ssh (package openssh-client)");
}

}  // namespace

Command ssh_command() {
    return {.name = "ssh",
            .summary = "Log in to an instance over ssh",
            .usage = "INSTANCE-ID [options] [COMMAND …]",
            .details =
                "Waits until the instance's ssh server answers. The key that "
                "create-key-pair saved is used by itself; the exit status is that of ssh.",
            .example = "kiln ssh i-0123456789abcdef0 uname -a",
            .options = with_service_options(
                {{.name = "identity",
                  .letter = 'i',
                  .placeholder = "FILE",
                  .help = "Private key to log in with"},
                 {.name = "login",
                  .letter = 'l',
                  .placeholder = "USER",
                  .help = "User to log in as; default: the image's"},
                 {.name = "wait-timeout",
                  .placeholder = "SECONDS",
                  .help = fmt::format("How long to wait for the ssh server; default {}",
                                      default_ssh_wait.count())}}),
            .own_arguments = 1,
            .run = run};
}

}  // namespace kiln::cli

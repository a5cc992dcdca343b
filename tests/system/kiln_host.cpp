#include "tests/system/kiln_host.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <csignal>
#include <cstdlib>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/places.hpp"

namespace kiln::tests {

namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr minutes command_limit{10};  // a build of Debian without hardware virtualization
constexpr seconds service_end_limit{30};
constexpr const char* boot_limit_s = "300";  // a full system on a busy machine
constexpr std::chrono::milliseconds poll_interval{100};

[[noreturn]] void fail(const std::string& message) {
    throw Error(error_code::internal_error, "", message);
}

void require_private_host() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing calls setenv
    if (std::getenv("KILN_PRIVATE_HOST") == nullptr) {
        fail("system tests run on a private host: tests/system/in-private-host PROGRAM");
    }
}

std::string describe(const Arguments& arguments, const ProcessResult& result) {
    return fmt::format("kiln {} ended with exit status {}\n{}{}", fmt::join(arguments, " "),
                       result.exit_status, result.standard_output, result.standard_error);
}

/// A directory that QEMU's user may pass through.
std::filesystem::path make_directory(const std::filesystem::path& path) {
    std::filesystem::create_directories(path);
    std::filesystem::permissions(path, std::filesystem::perms{0755});
    return path;
}

/// A state directory that holds one image, made by a service that has ended.
struct BuiltImage {
    std::filesystem::path state_directory;
    std::string image_id;
};

/// Each recipe is built once on a private host, whose temporary directory goes with it.
BuiltImage built_image(const std::string& recipe) {
    const auto directory = std::filesystem::temp_directory_path() / "built-images" / recipe;
    const auto state_directory = directory / "state";
    const auto image_id = directory / "image-id";
    if (!std::filesystem::exists(image_id)) {
        const KilnHost builder;
        const nlohmann::json answer = builder.kiln_json({"build", recipe, "--name", recipe});
        builder.stop_service();
        std::filesystem::create_directories(directory);
        std::filesystem::rename(builder.state_directory(), state_directory);
        write_file_atomically(image_id, answer.at("ImageId").get<std::string>(), 0644);
    }
    return {state_directory, read_file(image_id)};
}

Fd connect_to(const std::filesystem::path& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = socket.string();
    if (path.size() >= sizeof address.sun_path) fail(fmt::format("'{}' is too long", path));
    path.copy(address.sun_path, path.size());
    Fd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!connection) throw system_error("make a socket");
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
        return {};
    }
    return connection;
}

/// The process that listens on the socket, or nothing.
std::optional<pid_t> listener_of(const std::filesystem::path& socket) {
    const Fd connection = connect_to(socket);
    if (!connection) return std::nullopt;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        throw system_error("ask who listens on a socket");
    }
    return peer.pid;
}

/// What each thread of the process does, for those who wonder.
std::string threads_of(pid_t pid) {
    const std::string script = fmt::format(
        "for thread in /proc/{}/task/*; do echo \"$(cat $thread/comm): $(cat $thread/wchan)\"; "
        "cat $thread/stack; done",
        pid);
    return run_process({.arguments = {"sh", "-c", script}}).standard_output;
}

std::string lines_with(std::string_view part, const std::string& text) {
    std::string found;
    for (const std::string& line : split(text, '\n')) {
        if (line.find(part) != std::string::npos) found += line + "\n";
    }
    return found;
}

std::string last_lines(const std::string& text, std::size_t count) {
    const auto lines = split(std::string(trim(text)), '\n');
    const std::size_t first = lines.size() > count ? lines.size() - count : 0;
    return fmt::format(
        "{}", fmt::join(lines.begin() + static_cast<std::ptrdiff_t>(first), lines.end(), "\n"));
}

}  // namespace

void wait_until(std::string_view description, const std::function<bool()>& is_so, seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!is_so()) {
        if (std::chrono::steady_clock::now() >= deadline) {
            fail(fmt::format("waited {} s in vain until {}", limit.count(), description));
        }
        std::this_thread::sleep_for(poll_interval);
    }
}

KilnHost::KilnHost() {
    require_private_host();
    make_directory(directory_.path());
    state_directory_ = make_directory(directory_.path() / "state");
    home_ = make_directory(directory_.path() / "home");
    make_directory(home_ / "run");
}

KilnHost::KilnHost(const std::string& recipe) : KilnHost() {
    const BuiltImage built = built_image(recipe);
    run_checked({.arguments = {"cp", "--archive", "--sparse=always", "--no-target-directory",
                               built.state_directory, state_directory_}});
    image_id_ = built.image_id;
}

KilnHost::~KilnHost() {
    clear();
}

void KilnHost::clear() {
    try {
        const bool a_command_was_run = std::filesystem::exists(socket());
        if (a_command_was_run && std::filesystem::exists(state_directory_)) {
            work_in("");
            const nlohmann::json regions = kiln_json({"describe-regions"}).at("Regions");
            const nlohmann::json accounts = kiln_json({"list-accounts"}).at("Accounts");
            for (const nlohmann::json& account : accounts) {
                if (account.at("Status") != "ACTIVE") continue;
                account_ = account.at("Id");
                for (const nlohmann::json& region : regions)
                    terminate_instances(region.at("RegionName"));
            }
            account_.clear();
        }
        stop_service();
    } catch (const std::exception& error) {
        ADD_FAILURE() << "cannot clean up after the test: " << error.what();
    }
}

void KilnHost::configure(const std::string& yaml) const {
    write_file_atomically(configuration(), yaml, 0644);
}

ProcessResult KilnHost::kiln(const Arguments& arguments) const {
    return run(arguments, "");
}

ProcessResult KilnHost::kiln(const Arguments& arguments, const std::string& standard_input) const {
    return run(arguments, standard_input);
}

ProcessResult KilnHost::run(const Arguments& arguments, const std::string& standard_input) const {
    Command command{.arguments = {places::kiln},
                    .time_limit = command_limit,
                    .environment = {"KILN_STATE_DIR=" + state_directory_.string(),
                                    "KILN_SOCKET=" + socket().string(), "HOME=" + home_.string(),
                                    "XDG_CONFIG_HOME=" + (home_ / ".config").string(),
                                    "XDG_STATE_HOME=" + (home_ / ".local/state").string(),
                                    "XDG_CACHE_HOME=" + (home_ / ".cache").string(),
                                    "XDG_RUNTIME_DIR=" + (home_ / "run").string()},
                    .standard_input = standard_input};
    if (!region_.empty()) command.environment.push_back("KILN_REGION=" + region_);
    if (!account_.empty()) command.environment.push_back("KILN_ACCOUNT=" + account_);
    if (std::filesystem::exists(configuration())) {
        command.environment.push_back("KILN_CONFIG=" + configuration().string());
    }
    command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
    return run_process(command);
}

nlohmann::json KilnHost::kiln_json(Arguments arguments) const {
    arguments.insert(arguments.begin() + 1, {"--output", "json"});
    const ProcessResult result = kiln(arguments);
    if (result.exit_status != 0) fail(describe(arguments, result) + stories_of(arguments));
    if (result.standard_output.empty()) return {};
    return nlohmann::json::parse(result.standard_output);
}

std::string KilnHost::stories_of(const Arguments& arguments) const {
    std::string said;
    if (arguments.front() != "describe-instance-status") return said;
    for (const std::string& id : arguments) {
        if (id.starts_with("i-")) said += story_of(id);
    }
    return said;
}

std::string KilnHost::story_of(const std::string& instance_id) const {
    const auto ask = [](const Arguments& question) {
        const ProcessResult answer =
            run_process({.arguments = question, .time_limit = command_limit});
        return answer.standard_output + answer.standard_error;
    };
    const Arguments virsh{"virsh", "-c", "qemu:///system"};
    const auto ask_virsh = [&](const Arguments& rest) {
        Arguments question = virsh;
        question.insert(question.end(), rest.begin(), rest.end());
        return ask(question);
    };
    const Arguments registers{"qemu-monitor-command", instance_id, "--hmp", "info registers -a"};
    const std::string before = ask_virsh(registers);
    const std::string console =
        kiln({"get-console-output", "--instance-id", instance_id, "--output", "text"})
            .standard_output;
    const std::string after = ask_virsh(registers);
    // The short of it first: who reads of many failures sees the beginning of each.
    return fmt::format(
        "{}: {}--- processors\n{}{}--- end of the console\n{}\n--- QEMU's log\n{}--- "
        "registers\n{}{}",
        instance_id, ask_virsh({"domstate", instance_id, "--reason"}), lines_with("IP=", before),
        lines_with("IP=", after), last_lines(console, 8),
        ask({"tail", "-n", "6", "/var/log/libvirt/qemu/" + instance_id + ".log"}), before, after);
}

void KilnHost::expect_refused(const Arguments& arguments, std::string_view error_code,
                              const char* file, int line) const {
    const ProcessResult result = kiln(arguments);
    const bool names_the_code = result.standard_error.find(error_code) != std::string::npos;
    if (result.exit_status == 1 && names_the_code) return;
    ADD_FAILURE_AT(file, line) << "expected a refusal with " << error_code
                               << " and exit status 1, but " << describe(arguments, result);
}

const std::string& KilnHost::image_id() const {
    if (image_id_.empty()) fail("this KilnHost was made without an image");
    return image_id_;
}

std::string KilnHost::run_instance(const std::string& image_id, const Arguments& options) const {
    Arguments arguments{"run-instances", "--image-id", image_id, "--wait"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return kiln_json(arguments).at("Instances").at(0).at("InstanceId");
}

nlohmann::json KilnHost::instance(const std::string& instance_id) const {
    const nlohmann::json answer = kiln_json({"describe-instances", "--instance-ids", instance_id});
    return answer.at("Reservations").at(0).at("Instances").at(0);
}

std::string KilnHost::instance_state(const std::string& instance_id) const {
    return instance(instance_id).at("State").at("Name");
}

std::string KilnHost::private_address(const std::string& instance_id) const {
    return instance(instance_id).at("PrivateIpAddress");
}

std::string KilnHost::host_name(const std::string& instance_id) const {
    const std::string name = instance(instance_id).at("PrivateDnsName");
    return name.substr(0, name.find('.'));
}

std::string KilnHost::ssh(const std::string& instance_id, const std::string& command) const {
    const Arguments arguments{"ssh", instance_id, "--wait-timeout", boot_limit_s, command};
    const ProcessResult result = kiln(arguments);
    if (result.exit_status != 0) fail(describe(arguments, result));
    return std::string(trim(result.standard_output));
}

void KilnHost::start_service() const {
    const Arguments arguments{"describe-regions"};
    const ProcessResult result = kiln(arguments);
    if (result.exit_status != 0) fail(describe(arguments, result));
}

void KilnHost::kill_service() const {
    service_pid();
    end_service(SIGKILL);
}

void KilnHost::stop_service() const {
    end_service(SIGTERM);
}

pid_t KilnHost::service_pid() const {
    const auto pid = listener_of(socket());
    if (!pid) fail(fmt::format("no service listens on '{}'", socket().string()));
    return *pid;
}

std::filesystem::path KilnHost::socket() const {
    return directory_.path() / "kiln.sock";
}

void KilnHost::terminate_instances(const std::string& region) {
    work_in(region);
    const nlohmann::json answer = kiln_json(
        {"describe-instances", "--filters",
         "Name=instance-state-name,Values=pending,running,stopping,stopped,shutting-down"});
    Arguments terminate{"terminate-instances", "--wait", "--instance-ids"};
    for (const nlohmann::json& reservation : answer.at("Reservations")) {
        for (const nlohmann::json& instance : reservation.at("Instances")) {
            const std::string id = instance.at("InstanceId");
            kiln(
                {"modify-instance-attribute", "--instance-id", id, "--no-disable-api-termination"});
            terminate.push_back(id);
        }
    }
    constexpr std::size_t without_instances = 3;
    if (terminate.size() > without_instances) kiln_json(terminate);
}

void KilnHost::end_service(int signal) const {
    const auto pid = listener_of(socket());
    if (!pid) return;
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
    if (!process) throw system_error("watch the service");
    if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) != 0) {
        throw system_error("signal the service");
    }
    pollfd end{process.get(), POLLIN, 0};
    const auto limit_ms = std::chrono::milliseconds(service_end_limit).count();
    if (::poll(&end, 1, static_cast<int>(limit_ms)) != 1) {
        const ProcessResult log =
            run_process({.arguments = {"tail", "-n", "20", state_directory_ / "serve.log"}});
        fail(fmt::format("the service does not end within {} s\n{}{}", service_end_limit.count(),
                         threads_of(*pid), log.standard_output));
    }
}

}  // namespace kiln::tests

#include "images/layers/disk_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace kiln::images {

namespace {

using Json = nlohmann::json;

constexpr const char* program_name = "qemu-storage-daemon";
constexpr std::chrono::seconds time_to_connect{30};
constexpr std::chrono::seconds time_to_add{60};
constexpr std::chrono::minutes time_to_flush{30};  // a slow disk and all that a guest wrote
constexpr std::chrono::hours longest_life{30 * 24};
constexpr int time_to_end_itself_ms = 2000;

/// What the client flushes stays in the host's cache until go_on_in() or finish() syncs it: until
/// then a layer that is being made is worth nothing.
Json node_of(const std::string& name, const std::filesystem::path& file, bool is_overlay) {
    Json node{{"driver", "qcow2"},
              {"node-name", name},
              {"discard", "unmap"},
              {"cache", {{"no-flush", true}}},
              {"file",
               {{"driver", "file"},
                {"filename", std::filesystem::absolute(file).string()},
                {"discard", "unmap"},
                {"cache", {{"no-flush", true}}}}}};
    if (is_overlay) node["backing"] = nullptr;  // it is put onto the one before
    return node;
}

sockaddr_un address_of(const std::filesystem::path& path) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (path.native().size() >= sizeof address.sun_path) {
        throw Error(error_code::internal_error, path.string(),
                    fmt::format("the path of a socket is too long: '{}'", path.string()));
    }
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    return address;
}

/// One that hears of a connection.
Fd listen_on(const std::filesystem::path& path) {
    const sockaddr_un address = address_of(path);
    Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!listener) throw system_error("make a socket");
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as bind() wants it
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(listener.get(), generic, sizeof address) != 0 || ::listen(listener.get(), 1) != 0)
        throw system_error(fmt::format("listen on '{}'", path.string()));
    return listener;
}

/// As the options of QEMU's programs take a text: a comma twice.
std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text)
        result += c == ',' ? std::string(",,") : std::string(1, c);
    return result;
}

}  // namespace

DiskServer::DiskServer(const Disk& disk)
    : socket_(disk.directory / "nbd"), file_(disk.file), node_("layer-0") {
    address_of(socket_);  // here rather than in the program
    const std::filesystem::path monitor = disk.directory / "qmp";
    remove_file(monitor);
    listener_ = listen_on(monitor);
    start(monitor);
    try {
        qmp_.emplace(accept_monitor());
    } catch (const Error& error) {
        throw failure(error);
    }
    remove_file(monitor);
}

DiskServer::~DiskServer() {
    qmp_.reset();
    program_.request_stop();
}

void DiskServer::start(const std::filesystem::path& monitor) {
    const Json exported{{"type", "nbd"},
                        {"id", export_name},
                        {"name", export_name},
                        {"node-name", node_},
                        {"writable", true}};
    // The monitor is the first: when what follows fails its connection ends.
    Command command{
        .arguments = {program_name, "--chardev",
                      fmt::format("socket,id=monitor,path={}", escaped(monitor.string())),
                      "--monitor", "chardev=monitor,mode=control", "--blockdev",
                      node_of(node_, file_, false).dump(), "--nbd-server",
                      fmt::format("addr.type=unix,addr.path={},max-connections=1",
                                  escaped(socket_.string())),
                      "--export", exported.dump()},
        .time_limit = longest_life,
        .ends_with_caller = true};
    program_ = std::jthread([this, command = std::move(command)](std::stop_token stop) mutable {
        command.stop = std::move(stop);
        try {
            const ProcessResult result = run_process(command);
            if (result.exit_status != 0)
                last_words_ = fmt::format("exit status {}: {}", result.exit_status,
                                          trim(result.standard_error));
        } catch (const Error& error) {
            last_words_ = error.message();
        }
        ::shutdown(listener_.get(), SHUT_RDWR);  // nobody will call any more
    });
}

Fd DiskServer::accept_monitor() const {
    pollfd watched{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    const auto limit = std::chrono::milliseconds(time_to_connect);
    if (::poll(&watched, 1, static_cast<int>(limit.count())) > 0) {
        Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (connection) return connection;
    }
    throw Error(error_code::internal_error, "", "the disk's server does not start");
}

/// What went wrong, and what the program itself says about it, which ends, or has done so already.
Error DiskServer::failure(const Error& error) {
    qmp_.reset();
    pollfd watched{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    ::poll(&watched, 1, time_to_end_itself_ms);  // it is shut when the program has ended
    program_.request_stop();
    if (program_.joinable()) program_.join();
    return {error_code::internal_error, file_.string(),
            fmt::format("cannot serve the disk '{}': {} ({})", file_.string(), error.message(),
                        last_words_)};
}

void DiskServer::go_on_in(const std::filesystem::path& overlay) {
    const std::string next = fmt::format("layer-{}", ++node_number_);
    try {
        qmp_.value().execute("blockdev-add", node_of(next, overlay, true), time_to_add);
        qmp_->execute("blockdev-snapshot", {{"node", node_}, {"overlay", next}}, time_to_flush);
    } catch (const Error& error) {
        throw failure(error);
    }
    sync_file(file_);
    node_ = next;
    file_ = overlay;
}

void DiskServer::finish() {
    try {
        qmp_.value().execute("quit", Json::object(), time_to_flush);
    } catch (const Error& error) {
        throw failure(error);
    }
    qmp_.reset();
    program_.join();
    if (!last_words_.empty()) {
        throw Error(error_code::internal_error, file_.string(),
                    fmt::format("the disk '{}' was not written to its end: {}", file_.string(),
                                last_words_));
    }
    sync_file(file_);
}

}  // namespace kiln::images

#include "images/layers/qmp.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace kiln::images {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds time_to_greet{30};
constexpr std::size_t longest_line = 1U << 20;

Error failed(const std::string& why) {
    return {error_code::internal_error, "", fmt::format("the disk's server {}", why)};
}

bool wait_readable(int fd, SteadyClock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::max(deadline - SteadyClock::now(), SteadyClock::duration::zero()));
    pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) throw system_error("wait for the disk's server");
    return ready > 0;
}

void send_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) throw system_error("speak to the disk's server");
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
}

}  // namespace

Qmp::Qmp(Fd connection) : connection_(std::move(connection)) {
    read_line(SteadyClock::now() + time_to_greet);
    execute("qmp_capabilities", nlohmann::json::object(), time_to_greet);
}

nlohmann::json Qmp::execute(const std::string& command, const nlohmann::json& arguments,
                            std::chrono::milliseconds time_limit) {
    const nlohmann::json request{{"execute", command}, {"arguments", arguments}};
    send_all(connection_.get(), request.dump() + "\n");
    const nlohmann::json reply = read_reply(SteadyClock::now() + time_limit);
    if (reply.contains("return")) return reply["return"];
    const auto error = reply.value("error", nlohmann::json::object());
    throw failed(fmt::format("refuses {}: {}", command, error.value("desc", reply.dump())));
}

/// Between an order and its reply there may be events.
nlohmann::json Qmp::read_reply(SteadyClock::time_point deadline) {
    while (true) {
        const std::string line = read_line(deadline);
        nlohmann::json reply = nlohmann::json::parse(line, nullptr, false);
        if (!reply.is_object()) throw failed(fmt::format("answers strangely: {}", line));
        if (!reply.contains("event")) return reply;
    }
}

std::string Qmp::read_line(SteadyClock::time_point deadline) {
    while (true) {
        if (const std::size_t end = unread_.find('\n'); end != std::string::npos) {
            std::string line = unread_.substr(0, end);
            unread_.erase(0, end + 1);
            return line;
        }
        if (unread_.size() > longest_line) throw failed("answers without an end");
        if (SteadyClock::now() > deadline) throw failed("does not answer");
        if (!wait_readable(connection_.get(), deadline)) continue;
        char buffer[4096];
        const ssize_t got = ::recv(connection_.get(), buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) throw failed("is gone");
        unread_.append(buffer, static_cast<std::size_t>(got));
    }
}

}  // namespace kiln::images

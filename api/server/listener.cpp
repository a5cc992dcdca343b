#include "api/server/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/environment.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace {

constexpr const char* address_in_use = "AddressInUse";
constexpr int first_passed_descriptor = 3;  // SD_LISTEN_FDS_START

/// The socket of systemd's socket activation, when this process was started that way.
Fd passed_socket() {
    if (environment_variable("LISTEN_PID") != std::to_string(::getpid())) return {};
    const std::string count = environment_variable("LISTEN_FDS");
    // What this service starts must not take the sockets for its own.
    ::unsetenv("LISTEN_PID");  // NOLINT(concurrency-mt-unsafe): before any thread
    ::unsetenv("LISTEN_FDS");  // NOLINT(concurrency-mt-unsafe)
    if (count != "1") {
        throw Error("InvalidConfiguration", "LISTEN_FDS",
                    fmt::format("systemd passed '{}' sockets; kiln's socket unit has one", count));
    }
    Fd socket(first_passed_descriptor);
    int listens = 0;
    socklen_t size = sizeof listens;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
        listens == 0) {
        throw Error("InvalidConfiguration", "LISTEN_FDS",
                    "what systemd passed is not a listening socket");
    }
    ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
    return socket;
}

sockaddr_un address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string text = path.string();
    if (text.size() >= sizeof address.sun_path) {
        throw Error("InvalidConfiguration", text,
                    fmt::format("the socket's path '{}' is longer than {} characters", text,
                                sizeof address.sun_path - 1));
    }
    std::ranges::copy(text, static_cast<char*>(address.sun_path));
    return address;
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Fd new_socket() {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) throw system_error("create a socket");
    return socket;
}

std::optional<struct stat> status_of(const std::filesystem::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
    return status;
}

/// Clears the way for bind(2).
void remove_stale_socket(const std::filesystem::path& path, const sockaddr_un& address) {
    const auto status = status_of(path);
    if (!status) return;
    if (!S_ISSOCK(status->st_mode)) {
        throw Error(address_in_use, path.string(),
                    fmt::format("'{}' is in the way and is not a socket: remove it, or set "
                                "KILN_SOCKET to another path",
                                path.string()));
    }
    const Fd probe = new_socket();
    if (::connect(probe.get(), as_sockaddr(address), sizeof address) == 0) {
        throw Error(address_in_use, path.string(),
                    fmt::format("another kiln service answers at '{}'", path.string()));
    }
    if (errno != ECONNREFUSED) {
        throw system_error(fmt::format("look for a service at '{}'", path.string()));
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        throw system_error(fmt::format("remove the old socket '{}'", path.string()));
    }
}

/// One that was there is somebody's own business.
void make_directory(const std::filesystem::path& directory, const SocketAccess& access) {
    constexpr auto passable = std::filesystem::perms{0755};
    if (!std::filesystem::create_directories(directory) || !access.is_for_others()) return;
    std::filesystem::permissions(directory, passable);
}

}  // namespace

Listener::Listener(const std::filesystem::path& path, const SocketAccess& access)
    : path_(path), socket_(passed_socket()) {
    if (!socket_) {
        bind_at(access);
    } else if (access.is_for_others()) {
        open_to(access);  // else the unit file says who may connect
    }
}

void Listener::bind_at(const SocketAccess& access) {
    make_directory(path_.parent_path(), access);
    const sockaddr_un address = address_of(path_);
    remove_stale_socket(path_, address);
    socket_ = new_socket();
    // The file takes its mode from the socket (less the umask), so that it is never open to more
    // people than it will be.
    if (::fchmod(socket_.get(), 0600) != 0 ||
        ::bind(socket_.get(), as_sockaddr(address), sizeof address) != 0) {
        throw system_error(fmt::format("listen at '{}'", path_.string()));
    }
    const auto status = status_of(path_);
    inode_ = status ? status->st_ino : 0;
    if (::listen(socket_.get(), SOMAXCONN) != 0)
        throw system_error(fmt::format("listen at '{}'", path_.string()));
    open_to(access);
}

void Listener::open_to(const SocketAccess& access) {
    constexpr uid_t same_owner = static_cast<uid_t>(-1);
    if ((access.group && ::chown(path_.c_str(), same_owner, *access.group) != 0) ||
        ::chmod(path_.c_str(), access.mode) != 0) {
        throw system_error(fmt::format("set who may connect to '{}'", path_.string()));
    }
}

Listener::~Listener() {
    const auto status = status_of(path_);
    if (inode_ != 0 && status && status->st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace kiln::api

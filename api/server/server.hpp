#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/server/console.hpp"
#include "api/server/dispatcher.hpp"
#include "api/server/socket_access.hpp"
#include "images/accounts/caller.hpp"

namespace kiln::api {

struct ServerLimits {
    std::uint32_t max_header_bytes = 16U << 10U;
    std::uint64_t max_body_bytes = 1ULL << 20U;
    /// Past these, new connections wait in the kernel's queue until one ends.
    std::size_t max_connections = 512;
    /// Past these of one user, new ones of that user are closed at once.
    std::size_t max_connections_of_user = 384;
    std::size_t handler_threads = 8;
    std::chrono::milliseconds header_time{10'000};
    std::chrono::milliseconds body_time{30'000};
    std::chrono::milliseconds write_time{30'000};
    /// How long a connection may stay open between two requests.
    std::chrono::milliseconds idle_time{60'000};
    /// How long a stop waits for the requests that are being handled.
    std::chrono::milliseconds stop_time{10'000};
};

struct ServerOptions {
    std::filesystem::path socket;
    SocketAccess access = {};
    ServerLimits limits = {};
};

/// Who is at the other end of a connection, and as whom and where a request of theirs wants to act.
struct CallerClaim {
    uid_t uid;
    std::string account = {};  // empty: the user's own
    std::string region = {};   // empty: the service's own
};

/// What the server calls, on its handler threads.
struct ServerHandlers {
    const Dispatcher& dispatcher;
    /// Throws Error for those who may not. Asked for each request.
    std::function<images::Caller(const CallerClaim&)> caller_of;
    /// Who those are, for the audit log; nullopt: nobody.
    std::function<std::optional<images::Caller>(const CallerClaim&)> refused_caller_of = nullptr;
    ConsoleOpener open_console;
    /// Takes a piece of a file: PUT /uploads/….
    std::function<Response(const images::Caller&, const Request&)> take_piece = nullptr;
    /// Called once, when the server stops: requests that take long are to end. On the thread that
    /// runs the server.
    std::function<void()> on_stop = nullptr;
};

/// The HTTP server on the Unix socket. Connections are read and written by the thread that calls
/// run(); actions run on handler threads.
class Server {
  public:
    /// Listens when it returns. Throws Error{AddressInUse} when another service answers there.
    Server(ServerOptions options, ServerHandlers handlers);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Serves until stop(); then lets the requests that are being handled end.
    void run();
    /// Any thread, any number of times, also before run().
    void stop();
    /// SIGTERM and SIGINT call stop() from now on.
    void stop_on_signals();

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace kiln::api

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/server/dispatcher.hpp"
#include "api/server/server.hpp"
#include "api/server/signed_requests.hpp"
#include "api/sigv4/sigv4.hpp"

namespace kiln::api {

struct TlsFiles {
    std::filesystem::path certificate;  // PEM, with those that it is signed by
    std::filesystem::path key;          // PEM
};

struct EndpointOptions {
    std::string address = "127.0.0.1";  // of the host, IPv4 or IPv6
    std::uint16_t port = 0;             // 0: a free one
    std::optional<TlsFiles> tls = {};
    ServerLimits limits = {.max_connections = 256};
};

/// How many of the handler threads an account has at most: half of them.
std::size_t threads_of_account(const ServerLimits& limits);

/// The HTTP or HTTPS server for clients that sign their requests. It has an io thread and handler
/// threads of its own, of which one account has half at most. When all connections are taken, one
/// that waits is closed for the new one: that which has waited longest, of those that never had an
/// answer that let them in while they have half of the places, else of all others; last those that
/// are slow to take an answer.
class Endpoint {
  public:
    /// Called on a handler thread, for each request; does not throw.
    using Answer = std::function<SignedAnswer(const sigv4::Request& request)>;

    /// Serves from then on. Throws Error{AddressInUse}, and Error{InvalidConfiguration} for an
    /// address that is not this host's and for TLS files that do not fit.
    Endpoint(EndpointOptions options, Answer answer);
    /// As stop(), and waits until it has stopped.
    ~Endpoint();
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    /// Takes no more requests. Those that are being handled are answered, unless that takes longer
    /// than ServerLimits::stop_time. Any thread, any number of times.
    void stop();

    std::uint16_t port() const;

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace kiln::api

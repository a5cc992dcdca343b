#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "base/ipv4.hpp"
#include "launcher/metadata/instance_metadata.hpp"

namespace kiln::api {

struct MetadataLimits {
    std::uint32_t max_header_bytes = 8U << 10U;
    /// Past these, new connections wait in the kernel's queue until one ends.
    std::size_t max_connections = 1024;
    /// Past these of one guest, new ones of that guest are closed at once.
    std::size_t max_connections_of_guest = 64;
    /// For a request to come, and for an answer to go.
    std::chrono::milliseconds exchange_time{10'000};
    std::chrono::milliseconds idle_time{30'000};
};

/// HTTP for guests: a listener for each region's bridge. Requests are answered one after the other
/// on one thread of its own.
class MetadataServer {
  public:
    using Answer = std::function<launcher::MetadataResponse(
        const std::string& region, Ipv4Address peer, const launcher::MetadataRequest& request)>;

    explicit MetadataServer(Answer answer, MetadataLimits limits = {});
    ~MetadataServer();
    MetadataServer(const MetadataServer&) = delete;
    MetadataServer& operator=(const MetadataServer&) = delete;

    /// Serves guests of the region on the bridge; does nothing where it does so already. To be
    /// called again when the bridge may be another one. Any thread; throws as listen_for_metadata.
    void serve_bridge(const std::string& region, const std::string& bridge);
    /// Serves them on this socket, which listens.
    void serve_socket(const std::string& region, Fd socket);

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace kiln::api

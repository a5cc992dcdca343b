#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <pugixml.hpp>
#include <string>

#include "api/protocol/query.hpp"
#include "base/fd.hpp"

namespace kiln::api {

/// A successful response. Moves without copying: the document points into the text.
class Reply {
  public:
    /// Throws Error{InternalError} when the text is not XML.
    explicit Reply(std::string text);

    /// <DescribeImagesResponse>
    pugi::xml_node root() const { return document_->document_element(); }

  private:
    std::unique_ptr<std::string> text_;
    std::unique_ptr<pugi::xml_document> document_;
};

/// A connection that has become a console: bytes both ways.
struct ConsoleConnection {
    Fd socket;
    std::string received;  // what came with the answer
};

/// Code of the Error when no service answers at the socket.
inline constexpr const char* service_unavailable = "ServiceUnavailable";

/// As whom and where a client's requests are made.
struct ClientIdentity {
    std::string account;  // an id or alias, for administrators; empty: the user's own
    std::string region;   // empty: the service's own
};

/// Calls the service's actions over its Unix socket, each on a connection of its own. Any thread.
class Client {
  public:
    explicit Client(std::filesystem::path socket, ClientIdentity identity = {})
        : socket_(std::move(socket)), identity_(std::move(identity)) {}

    /// Throws Error with the service's code and message, and Error{ServiceUnavailable} when there
    /// is no service.
    Reply call(const std::string& action, const WirePairs& pairs) const;
    /// Sends a piece of an upload's file; how many bytes of the file are there then.
    std::uint64_t send_piece(const std::string& upload_id, std::uint64_t offset,
                             std::string piece) const;
    /// Bytes of the file of an export, at most `size`: none at its end. Throws as call() does.
    std::string download_export(const std::string& task, std::uint64_t offset,
                                std::uint64_t size) const;
    ConsoleConnection open_console(const std::string& instance_id) const;
    /// Whether a service listens. Throws Error when the socket may not be opened.
    bool answers() const;

  private:
    std::filesystem::path socket_;
    ClientIdentity identity_;
};

}  // namespace kiln::api

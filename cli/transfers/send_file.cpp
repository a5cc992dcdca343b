#include "cli/transfers/send_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/rollback.hpp"
#include "base/sha256.hpp"
#include "cli/output/field_path.hpp"
#include "cli/terminal/interrupts.hpp"

namespace kiln::cli {

namespace {

// What the service takes of one request, less than its limit.
constexpr std::size_t piece_size = 512U << 10U;
constexpr int most_tries = 5;
constexpr std::chrono::seconds pause_between_tries{1};

struct OpenFile {
    Fd fd;
    std::uint64_t size;
};

/// A FIFO or a device would keep this waiting, and has no size.
OpenFile open_regular_file(const std::filesystem::path& path) {
    OpenFile file{.fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), .size = 0};
    struct stat status {};
    if (!file.fd || ::fstat(file.fd.get(), &status) != 0)
        throw system_error(fmt::format("read '{}'", path.string()));
    if (!S_ISREG(status.st_mode)) {
        throw Error(error_code::invalid_parameter_value, path.string(),
                    fmt::format("'{}' is no regular file: only those are imported", path.string()));
    }
    file.size = static_cast<std::uint64_t>(status.st_size);
    return file;
}

/// Where the service wants to go on.
std::uint64_t received(Service& service, const std::string& upload) {
    const api::Reply reply = service.call("DescribeUploads", {{"UploadId.1", upload}});
    return std::stoull(reply_text("DescribeUploads", reply, "Uploads.Received"));
}

class Sender {
  public:
    Sender(Service& service, const std::filesystem::path& path, std::string upload)
        : service_(service), path_(path), upload_(std::move(upload)) {}

    /// How many bytes are there then.
    std::uint64_t send(std::uint64_t offset, const std::string& piece) const {
        for (int attempt = 1;; ++attempt) {
            try {
                return service_.send_piece(upload_, offset, piece);
            } catch (const Error& error) {
                const bool may_pass = error.code() == error_code::internal_error ||
                                      error.code() == api::service_unavailable;
                if (!may_pass || attempt == most_tries || was_interrupted()) throw;
            }
            std::this_thread::sleep_for(pause_between_tries);
            // It may have come although no answer did.
            const std::uint64_t there = received(service_, upload_);
            if (there == offset + piece.size()) return there;
            if (there != offset) {
                throw Error(error_code::internal_error, path_.string(),
                            fmt::format("the service has lost a part of '{}': import it again",
                                        path_.string()));
            }
        }
    }

  private:
    Service& service_;
    const std::filesystem::path& path_;
    std::string upload_;
};

}  // namespace

std::optional<SentFile> send_file(
    Service& service, const std::filesystem::path& path,
    const std::function<void(std::uint64_t sent, std::uint64_t size)>& on_progress) {
    const OpenFile file = open_regular_file(path);
    const api::Reply reply = service.call("CreateUpload", {{"Size", std::to_string(file.size)}});
    const std::string upload = reply_text("CreateUpload", reply, "UploadId");
    Rollback undo;
    undo.add([&] { service.call("DeleteUpload", {{"UploadId", upload}}); });
    const Sender sender(service, path, upload);
    Sha256 digest;
    std::uint64_t sent = 0;
    while (sent < file.size) {
        if (was_interrupted()) return std::nullopt;
        std::string piece(std::min<std::uint64_t>(piece_size, file.size - sent), '\0');
        if (read_at(file.fd, path, {sent}, piece) != piece.size()) {
            throw Error(error_code::invalid_parameter_value, path.string(),
                        fmt::format("'{}' has become shorter while it was read", path.string()));
        }
        digest.update(piece);
        sent = sender.send(sent, piece);
        on_progress(sent, file.size);
    }
    undo.commit();
    return SentFile{.upload_id = upload, .sha256 = digest.hex()};
}

}  // namespace kiln::cli

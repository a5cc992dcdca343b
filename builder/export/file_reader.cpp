#include "builder/export/file_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/sha256.hpp"

namespace kiln::builder {

void read_pieces(const std::filesystem::path& file, const ByteSink& sink,
                 const ReadProgress& progress, const std::stop_token& stop) {
    const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) throw system_error(fmt::format("open '{}'", file.string()));
    const Bytes size{std::filesystem::file_size(file)};
    std::vector<char> piece(Bytes::mebibytes(1).value);
    Bytes done;
    while (true) {
        if (stop.stop_requested()) throw Error("Canceled", "", "the export was canceled");
        const std::size_t got = read_at(fd, file, done, piece);
        if (got == 0) return;
        sink({piece.data(), got});
        done = done + Bytes{got};
        if (progress) progress(done, size);
    }
}

std::string digest_of(const std::filesystem::path& file, const ReadProgress& progress,
                      const std::stop_token& stop) {
    Sha256 digest;
    read_pieces(
        file, [&](std::string_view bytes) { digest.update(bytes); }, progress, stop);
    return digest.hex();
}

}  // namespace kiln::builder

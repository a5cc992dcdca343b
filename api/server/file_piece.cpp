#include "api/server/file_piece.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "builder/import/uploads.hpp"

namespace kiln::api {

namespace {

constexpr std::string_view path = "/uploads/";
constexpr std::string_view offset_name = "?offset=";

struct Piece {
    images::UploadId upload;
    Bytes offset;
};

Piece parse(std::string_view target) {
    const std::size_t query = target.find(offset_name);
    if (target.starts_with(path) && query != std::string_view::npos) {
        const std::string_view digits = target.substr(query + offset_name.size());
        std::uint64_t offset = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), offset);
        if (error == std::errc() && end == digits.data() + digits.size()) {
            return {.upload = images::UploadId(
                        std::string(target.substr(path.size(), query - path.size()))),
                    .offset = {offset}};
        }
    }
    throw Error(error_code::invalid_parameter_value, "",
                "pieces of files are sent with PUT /uploads/UPLOAD-ID?offset=N");
}

}  // namespace

Response take_piece(builder::Uploads& uploads, const images::Caller& caller,
                    const Request& request) {
    try {
        const Piece piece = parse(request.target);
        const Bytes received = uploads.append(caller, piece.upload, piece.offset, request.body);
        return {
            .body = fmt::format("<SendPieceResponse><received>{}</received></SendPieceResponse>",
                                received.value),
            .request_id = random_uuid()};
    } catch (const Error& error) {
        return error_response(error);
    } catch (const std::exception& exception) {
        log::error("a piece of a file was not taken: {}", exception.what());
        return error_response(Error(error_code::internal_error, "", exception.what()));
    }
}

}  // namespace kiln::api

#include "api/server/download.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "api/protocol/query.hpp"
#include "api/server/dispatcher.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace {

constexpr std::string_view path_begin = "/exports/";

std::uint64_t number_of(const std::string& name, const std::string& text) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec == std::errc() && read.ptr == end) return number;
    throw Error(error_code::invalid_parameter_value, text,
                fmt::format("'{}' is no number of bytes for {}", text, name));
}

}  // namespace

bool is_download(const Request& request) {
    return request.target.starts_with(path_begin);
}

DownloadRequest parse_download(const Request& request) {
    if (request.method != "GET") {
        throw Error("MethodNotAllowed", request.method,
                    fmt::format("Files of exports are read with GET, not {}", request.method));
    }
    const std::size_t question = request.target.find('?');
    DownloadRequest download{.task = request.target.substr(0, question).substr(path_begin.size())};
    std::optional<std::uint64_t> size;
    const WirePairs pairs = question == std::string::npos
                                ? WirePairs{}
                                : decode_query(request.target.substr(question + 1));
    for (const auto& [name, value] : pairs) {
        if (name == "offset") {
            download.offset = number_of(name, value);
        } else if (name == "size") {
            size = number_of(name, value);
        } else if (request.service == nullptr || !name.starts_with("X-Amz-")) {
            throw Error(
                "UnknownParameter", name,
                fmt::format("The parameter {} is not recognized: there are offset and size", name));
        }
    }
    if (!size) {
        throw Error(error_code::missing_parameter, "size",
                    "The request must contain the parameter size");
    }
    download.size = *size;
    return download;
}

}  // namespace kiln::api

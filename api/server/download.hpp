#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "images/accounts/caller.hpp"

namespace kiln::api {

struct Request;

/// Where the files of exports are read: `GET /exports/TASK?offset=N&size=M` is answered with bytes
/// of the file of that task of the caller's, from the offset on. Each answer is bounded, so that
/// whoever fetches a file goes on where the last answer ended. All that fails is answered as an
/// action's failure is.
struct DownloadRequest {
    std::string task;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};
/// The bytes: none at the end of the file, fewer than asked for wherever it likes. Throws Error.
using Download = std::function<std::string(const images::Caller&, const DownloadRequest&)>;

bool is_download(const Request& request);
/// Throws Error{MethodNotAllowed}, Error{UnknownParameter}, Error{InvalidParameterValue} and
/// Error{MissingParameter}.
DownloadRequest parse_download(const Request& request);

}  // namespace kiln::api

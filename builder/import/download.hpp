#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/units.hpp"

namespace kiln::builder {

struct Download {
    std::string url;  // http or https
    std::filesystem::path to;
    Bytes largest;          // that is taken
    bool loopback = false;  // whether it may come from this host itself
};

/// Throws Error{InvalidParameterValue} for what is no URL of http or https.
void check_url(const std::string& url);
/// Fetches a file with libcurl into one that is there and empty. At most five redirections are
/// followed, only to http and https; link-local addresses, where clouds tell secrets, are never
/// spoken to, nor are private files sent. `keep` is told how much has come and of how much (0: not
/// known), and may throw to end it. Throws Error{DownloadFailed} with the cause, Error{Canceled}
/// after a stop. Any thread.
void download(const Download& download, const std::function<void(Bytes done, Bytes total)>& keep,
              const std::stop_token& stop);

inline constexpr const char* download_failed = "DownloadFailed";

}  // namespace kiln::builder

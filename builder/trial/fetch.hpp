#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/recipe/step.hpp"
#include "builder/trial/trial.hpp"

namespace kiln::builder {

struct FetchedPage {
    int status = 0;  // of HTTP; 0: there was no answer
    std::string body;
};
/// The command line that fetches a page: over plain HTTP, of that place and no other, whatever the
/// answer says; at most 1 MiB, within ten seconds. Pure.
std::vector<std::string> fetch_command(const Trial::Place& place, const std::string& path);
/// What that command has said. Pure.
FetchedPage parse_fetch(const std::string& said);
/// What is wrong with the page; nullopt: it is as expected. Pure.
std::optional<std::string> mismatch(const VerifyFetch& wanted, const FetchedPage& page);

/// Asks for the page until somebody answers. Throws Error{BuildFailed} that says what is not as
/// expected, or that nobody has answered when the time is over, and Error{Canceled} after a stop.
void fetch(const Trial::Place& place, const VerifyFetch& wanted, const Patience& patience);

}  // namespace kiln::builder

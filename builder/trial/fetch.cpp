#include "builder/trial/fetch.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/process.hpp"
#include "base/text.hpp"
#include "builder/steps/build.hpp"

namespace kiln::builder {

namespace {

constexpr std::chrono::milliseconds between_tries{500};
constexpr std::size_t most_shown = 200;

std::string url_of(const Trial::Place& place, const std::string& path) {
    return fmt::format("http://{}:{}{}", place.host, place.port, path);
}

std::string beginning_of(const std::string& body) {
    return body.size() <= most_shown ? body : body.substr(0, most_shown) + "…";
}

}  // namespace

std::vector<std::string> fetch_command(const Trial::Place& place, const std::string& path) {
    // The status comes last, in a line of its own.
    return {"curl",
            "--disable",
            "--silent",
            "--globoff",
            "--path-as-is",
            "--proto",
            "=http",
            "--noproxy",
            "*",
            "--max-time",
            "10",
            "--max-filesize",
            "1048576",
            "--write-out",
            "\\n%{http_code}",
            "--url",
            url_of(place, path)};
}

FetchedPage parse_fetch(const std::string& said) {
    const std::size_t end = said.rfind('\n');
    if (end == std::string::npos) return {};
    FetchedPage page{.body = said.substr(0, end)};
    std::from_chars(said.data() + end + 1, said.data() + said.size(), page.status);
    return page;
}

std::optional<std::string> mismatch(const VerifyFetch& wanted, const FetchedPage& page) {
    if (page.status == 0) return "nobody answers";
    if (page.status != wanted.expected_status)
        return fmt::format("the status is {} and not {}", page.status, wanted.expected_status);
    if (page.body.find(wanted.expected_text) != std::string::npos) return std::nullopt;
    return fmt::format("'{}' is not in the page: {}", wanted.expected_text,
                       beginning_of(page.body));
}

void fetch(const Trial::Place& place, const VerifyFetch& wanted, const Patience& patience) {
    while (true) {
        const ProcessResult result =
            run_process({.arguments = fetch_command(place, wanted.path), .stop = patience.stop()});
        const FetchedPage page = parse_fetch(result.standard_output);
        const auto wrong = mismatch(wanted, page);
        if (!wrong) return;
        if (page.status != 0 || patience.is_over()) {
            throw build_failed(fmt::format("{} of the guest is not as expected: {}",
                                           url_of({.host = "", .port = wanted.port}, wanted.path),
                                           *wrong));
        }
        patience.wait(between_tries);
    }
}

}  // namespace kiln::builder

#include "launcher/instances/password_data.hpp"

#include "base/text.hpp"

namespace kiln::launcher {

namespace {

constexpr std::string_view begin_mark = "<Password>";
constexpr std::string_view end_mark = "</Password>";
constexpr std::size_t most_bytes = 1024;  // of an RSA key of 8192 bits

}  // namespace

std::string password_data_in(std::string_view console) {
    const std::size_t end = console.rfind(end_mark);
    if (end == std::string_view::npos) return "";
    const std::size_t begin = console.rfind(begin_mark, end);
    if (begin == std::string_view::npos) return "";
    const std::size_t first = begin + begin_mark.size();
    const auto encrypted = base64_decode(console.substr(first, end - first));
    if (!encrypted || encrypted->empty() || encrypted->size() > most_bytes) return "";
    return base64_encode(*encrypted);
}

}  // namespace kiln::launcher

#include "api/output/printable.hpp"

#include <fmt/format.h>

#include "api/protocol/utf8.hpp"

namespace kiln::api {

namespace {

/// Those of C0 and C1, and the one after '~': what a terminal would act on.
bool is_control(std::string_view sequence) {
    const auto first = static_cast<unsigned char>(sequence.front());
    if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
    return first == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

}  // namespace

std::string printable(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const std::size_t length = utf8_length(bytes);
        const std::string_view sequence = bytes.substr(0, length == 0 ? 1 : length);
        if (length == 0 || is_control(sequence)) {
            for (const char byte : sequence)
                text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
        } else {
            text += sequence == "\\" ? "\\\\" : sequence;
        }
        bytes.remove_prefix(sequence.size());
    }
    return text;
}

}  // namespace kiln::api

#include "builder/import/gate/refusal.hpp"

#include "base/error.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::size_t longest_quote = 80;

bool is_printable(char c) {
    return c >= 0x20 && c < 0x7f;
}

}  // namespace

void refuse(std::string_view format, const std::string& what) {
    throw Error(error_code::invalid_parameter_value, "",
                fmt::format("cannot import the file: {}: {}", format, what));
}

std::string in_quotes(std::string_view foreign) {
    std::string text = "'";
    for (const char c : foreign.substr(0, longest_quote))
        text += is_printable(c) ? c : '?';
    return text + (foreign.size() > longest_quote ? "...'" : "'");
}

}  // namespace kiln::builder::gate

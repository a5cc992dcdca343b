#include "images/firmware/uefi_data.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::images {

namespace {

constexpr std::string_view magic = "kiln-uefi-data 1";
constexpr std::string_view secure = "secure-boot";
constexpr std::string_view not_secure = "any-boot";
constexpr int compression_level = 9;

Error invalid(const std::string& why) {
    return {error_code::invalid_parameter_value, "UefiData",
            fmt::format("Value for parameter UefiData is invalid: {}. It must be what `kiln "
                        "get-instance-uefi-data` printed of an instance.",
                        why)};
}

std::string compress(const std::string& bytes) {
    std::string packed(ZSTD_compressBound(bytes.size()), '\0');
    const std::size_t size =
        ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), compression_level);
    if (ZSTD_isError(size) != 0)
        throw Error(error_code::internal_error, "", "the UEFI variables cannot be compressed");
    packed.resize(size);
    return packed;
}

std::string decompress(std::string_view packed) {
    const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
        throw invalid("its variables are damaged");
    if (size == 0 || size > max_uefi_variables) throw invalid("its variables are too large");
    std::string bytes(size, '\0');
    const std::size_t got =
        ZSTD_decompress(bytes.data(), bytes.size(), packed.data(), packed.size());
    if (ZSTD_isError(got) != 0 || got != size) throw invalid("its variables are damaged");
    return bytes;
}

}  // namespace

std::string pack_uefi_data(const UefiData& data) {
    std::string text = base64_encode(fmt::format("{} {} {}\n{}", magic, to_text(data.architecture),
                                                 data.secure_boot ? secure : not_secure,
                                                 compress(data.variables)));
    if (text.size() <= max_uefi_data_text) return text;
    throw Error(error_code::unsupported_operation, "",
                fmt::format("the UEFI variables take {} bytes when compressed, and an image keeps "
                            "at most {}: remove some in the guest",
                            text.size(), max_uefi_data_text));
}

UefiData unpack_uefi_data(const std::string& text) {
    if (text.size() > max_uefi_data_text)
        throw invalid(fmt::format("it has more than {} characters", max_uefi_data_text));
    const auto bytes = base64_decode(text);
    if (!bytes) throw invalid("it is not base64");
    const std::size_t end = bytes->find('\n');
    if (end == std::string::npos || !bytes->starts_with(magic))
        throw invalid("it is of another kind");
    const std::vector<std::string> words = split(bytes->substr(0, end), ' ');
    if (words.size() != 4) throw invalid("it is of another kind");
    if (words[3] != secure && words[3] != not_secure) throw invalid("it is of another kind");
    return {.architecture = parse_architecture(words[2]),
            .secure_boot = words[3] == secure,
            .variables = decompress(std::string_view(*bytes).substr(end + 1))};
}

}  // namespace kiln::images

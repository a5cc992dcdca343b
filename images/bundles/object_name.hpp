#pragma once

#include <string>
#include <string_view>

namespace kiln::images {

/// An object of an object store.
struct ObjectName {
    std::string bucket;
    std::string key;

    friend bool operator==(const ObjectName&, const ObjectName&) = default;
};

/// All objects of a bucket whose keys begin with `prefix`.
struct ObjectPrefix {
    std::string bucket;
    std::string prefix;
};

inline constexpr std::size_t max_object_key_bytes = 1024;

/// "bucket/key", for messages.
std::string to_text(const ObjectName& name);

/// Throws Error{InvalidBucketName} unless it is one in S3: 3 to 63 of a–z, 0–9, '.' and '-', a
/// letter or digit at both ends, no two dots together, no IPv4 address.
void check_bucket_name(std::string_view bucket);
/// Throws Error{InvalidParameterValue} unless `key` is 1 to 1,024 bytes of UTF-8 without control
/// characters, Error{KeyTooLongError} when it is longer.
void check_object_key(std::string_view key);
/// Whether `text` is UTF-8 without control characters.
bool is_plain_text(std::string_view text);

}  // namespace kiln::images

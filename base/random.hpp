#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"

namespace kiln {

/// `digits` random lower-case hexadecimal digits from the kernel's generator. Any thread.
std::string random_hex(std::size_t digits);
/// 64 random bits from the kernel's generator. Any thread.
std::uint64_t random_number();
/// `size` random bytes, at most 256, from the kernel's generator. Any thread.
std::string random_bytes(std::size_t size);
/// A random UUID (RFC 4122 version 4) in its canonical lower-case form.
std::string random_uuid();
/// A UUID (RFC 9562 version 7) that begins with the time, in milliseconds, and is random in the
/// rest: as a key, rows that are made after each other lie beside each other.
std::string uuid_of_time(Time time);

}  // namespace kiln

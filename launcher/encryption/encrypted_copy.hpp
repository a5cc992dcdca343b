#pragma once

#include <stop_token>
#include <string>

#include "base/ids.hpp"
#include "base/units.hpp"

namespace kiln {
class Database;
}

namespace kiln::launcher {

struct Region;

/// A layer that is to hold, encrypted with a key of its region, what is read through a frozen layer
/// of the same region or of another one, which may be encrypted with another key.
struct EncryptedCopy {
    const Region& source;
    LayerId from;
    const Region& target;
    LayerId layer;
    Bytes size;  // virtual size, at least that of `from`
    std::string key_id;
};

/// What is going to be read, as far as it occupies its files; nothing when the copy is there.
Bytes size_of_source(Database& database, const EncryptedCopy& copy);

/// Makes the live layer's file, which stands on nothing, unless it is there. The caller sees to it
/// that the source's chain stays as it is meanwhile. Throws Error{InsufficientInstanceCapacity}
/// unless `reserve` stays free, Error{Canceled} after a stop, and as layer_key().
void make_encrypted_copy(Database& database, const EncryptedCopy& copy, Bytes reserve,
                         std::stop_token stop);

}  // namespace kiln::launcher

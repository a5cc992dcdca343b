#include "builder/import/gate/virtual_size.hpp"

#include "builder/import/gate/gate.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

Bytes checked_virtual_size(std::string_view format, std::uint64_t bytes) {
    if (bytes == 0) refuse(format, "its virtual size is 0");
    if (bytes > max_virtual_size.value) {
        refuse(format,
               fmt::format("its virtual size, {} bytes, is more than the {} TiB that a disk "
                           "can have",
                           bytes, max_virtual_size.value >> 40));
    }
    if (bytes % 512 != 0) {
        refuse(format, fmt::format("its virtual size, {} bytes, is no multiple of 512", bytes));
    }
    return Bytes{bytes};
}

}  // namespace kiln::builder::gate

#include "images/layers/private_copy.hpp"

#include <fcntl.h>

#include "base/file.hpp"
#include "base/rollback.hpp"
#include "images/layers/sparse_copy.hpp"

namespace kiln::images {

void make_private_copy(const std::filesystem::path& from, const std::filesystem::path& to,
                       const std::stop_token& stop) {
    const OpenFile source = open_file(from, O_RDONLY);
    const OpenFile copy = open_file(to, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
    Rollback undo;
    undo.add([&] { remove_file(to); });
    if (!share_blocks(source, copy)) copy_data(source, copy, nullptr, stop);
    undo.commit();
}

}  // namespace kiln::images

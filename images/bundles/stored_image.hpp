#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "images/bundles/object_store.hpp"
#include "images/bundles/transfer.hpp"

namespace kiln::images {

/// A stored image is one object, "<ami-id>.bin", with a document that describes the image and the
/// files of its disks. Its format is in images/bundles/stored_record.hpp.
///
/// An object is read as hostile input. Throws Error{InvalidImageFile} for one that is damaged,
/// incomplete, longer than it says or no stored image, Error{Canceled} soon after a stop was
/// requested, and what the store throws. Any thread.

inline constexpr Bytes max_document_size = Bytes::mebibytes(1);
inline constexpr std::size_t max_stored_files = 64;

struct StoredImage {
    std::string document;  // JSON by its callers; any bytes here
    std::vector<std::filesystem::path> files;
};

/// Stores the document and the trusted local files, which nobody changes meanwhile, in one pass. A
/// failure or a stop leaves nothing. Throws Error{InvalidParameterValue} for a document larger than
/// 1 MiB or more than 64 files.
void write_stored_image(ObjectStore& store, const ObjectName& name, const StoredImage& image,
                        const ProgressCallback& progress, const std::stop_token& stop);

struct StoredDocument {
    std::string document;
    std::size_t file_count = 0;
};
/// The document alone: cheap however large the object is. That the rest is sound is not known then.
StoredDocument read_document(const ObjectStore& store, const ObjectName& name);

/// Makes all files of `image`, which must not exist and be as many as were stored, from the object:
/// durable, with holes for their zeros. `image.document` must be what read_document() gave, so that
/// an object that was replaced meanwhile is refused. Throws Error{InvalidImageFile} before more
/// than `max_total_size` bytes of files were made. After a failure or a stop none of them is left.
/// Progress is counted in bytes of the object.
void unpack_stored_image(const ObjectStore& store, const ObjectName& name, const StoredImage& image,
                         Bytes max_total_size, const ProgressCallback& progress,
                         const std::stop_token& stop);

}  // namespace kiln::images

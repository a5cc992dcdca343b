#pragma once

#include <string>
#include <vector>

#include "images/catalog/image.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::launcher {

/// What a stored image's object says of the image besides its disks: JSON. The devices that have a
/// snapshot are its files, in their order; `tags` are the owner's of the image,
/// `uefi_data` is the text of an images::UefiData or empty.
std::string to_document(const images::Image& image, const std::vector<images::Tag>& tags,
                        const std::string& uefi_data);

/// The image of a document, which is read as hostile input: id, owner, region, state and times are
/// the caller's to fill in; a device that has a file has no snapshot yet, but `is_file` says so.
struct ImageDocument {
    images::Image image;
    std::vector<bool> is_file;      // by block device
    std::vector<images::Tag> tags;  // what each may be is checked
    std::string uefi_data;          // so is this
};
/// Throws Error{InvalidImageFile} that says what is wrong.
ImageDocument parse_document(const std::string& document, std::size_t file_count);

}  // namespace kiln::launcher

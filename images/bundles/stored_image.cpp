#include "images/bundles/stored_image.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/rollback.hpp"
#include "images/bundles/frame.hpp"
#include "images/bundles/sparse_file.hpp"
#include "images/bundles/stored_record.hpp"

namespace kiln::images {

// Writing

namespace {

void check_image(const StoredImage& image) {
    if (image.document.size() <= max_document_size.value &&
        image.files.size() <= max_stored_files) {
        return;
    }
    throw Error(
        error_code::invalid_parameter_value, "",
        fmt::format("an image can be stored with at most {} disks and {} MiB of description, "
                    "not with {} disks and {} bytes",
                    max_stored_files, max_document_size.in_mebibytes(), image.files.size(),
                    image.document.size()));
}

struct Writing {
    RecordWriter& records;
    const ObjectName& name;
    const ProgressCallback& progress;
    const std::stop_token& stop;
    Bytes total;
    Bytes done;

    void write_file(FrameReader& file) {
        check_canceled();
        while (const auto bytes = file.next()) {
            records.write_frame(compress_frame(*bytes), {bytes->size()});
            done = done + Bytes{bytes->size()};
            tell(progress, {.done = done, .total = total});
            check_canceled();
        }
        records.write_file_end(file.size(), file.digest());
    }
    void check_canceled() const {
        check_not_canceled(stop, fmt::format("the storing of '{}'", to_text(name)));
    }
};

}  // namespace

void write_stored_image(ObjectStore& store, const ObjectName& name, const StoredImage& image,
                        const ProgressCallback& progress, const std::stop_token& stop) {
    check_image(image);
    std::vector<FrameReader> files;
    Bytes total;
    for (const std::filesystem::path& path : image.files)
        total = total + files.emplace_back(path).size();
    const auto object = store.put(name);
    RecordWriter records(*object);
    records.write_document(image.document, files.size());
    Writing writing{
        .records = records, .name = name, .progress = progress, .stop = stop, .total = total};
    for (FrameReader& file : files)
        writing.write_file(file);
    records.write_done(total);
    writing.check_canceled();
    object->commit();
}

// Reading

namespace {

StoredDocument next_document(RecordReader& records, const ObjectName& name) {
    RecordReader::Read read = records.next();
    if (read.record.kind != RecordKind::document) {
        throw damaged(name, "it does not begin with a document");
    }
    return {.document = std::move(read.payload), .file_count = read.record.amount};
}

void check_is_expected(const StoredDocument& found, const StoredImage& expected,
                       const ObjectName& name) {
    if (found.document != expected.document || found.file_count != expected.files.size()) {
        throw Error(
            invalid_image_file, to_text(name),
            fmt::format("'{}' was replaced while it was restored: try again", to_text(name)));
    }
}

struct Reading {
    RecordReader& records;
    const ObjectName& name;
    const ProgressCallback& progress;
    const std::stop_token& stop;
    Bytes object_size;
    Bytes max_total;
    Bytes total;

    RecordReader::Read next() {
        check_not_canceled(stop, fmt::format("the restoring of '{}'", to_text(name)));
        RecordReader::Read read = records.next();
        tell(progress, {.done = records.position(), .total = object_size});
        return read;
    }

    void read_file(const std::filesystem::path& path) {
        SparseFile file(path);
        RecordReader::Read read = next();
        for (; read.record.kind == RecordKind::frame; read = next())
            unpack_frame(read, file);
        if (read.record.kind != RecordKind::file || read.record.amount != file.size().value ||
            read.record.digest != file.digest()) {
            throw damaged(name, "a file in it does not end with its size and its digest");
        }
        file.finish();
    }

    void unpack_frame(const RecordReader::Read& read, SparseFile& file) {
        const Bytes size{read.record.amount};
        if (file.size().value % frame_size.value != 0) {
            throw damaged(name, "a frame follows one that is not full");
        }
        total = total + size;
        if (total > max_total) {
            throw damaged(name, fmt::format("its files are larger than the limit of {} bytes",
                                            max_total.value));
        }
        const auto bytes = decompress_frame(read.payload, size);
        if (!bytes) throw damaged(name, "a frame does not hold as many bytes as it says");
        file.write(*bytes);
    }

    void read_done() {
        const RecordReader::Read read = next();
        if (read.record.kind == RecordKind::done && read.record.amount == total.value) return;
        throw damaged(name, "it does not end with the size of all its files");
    }
};

}  // namespace

StoredDocument read_document(const ObjectStore& store, const ObjectName& name) {
    RecordReader records(store, name);
    return next_document(records, name);
}

void unpack_stored_image(const ObjectStore& store, const ObjectName& name, const StoredImage& image,
                         Bytes max_total_size, const ProgressCallback& progress,
                         const std::stop_token& stop) {
    RecordReader records(store, name);
    Reading reading{.records = records,
                    .name = name,
                    .progress = progress,
                    .stop = stop,
                    .object_size = store.size(name),
                    .max_total = max_total_size};
    check_is_expected(next_document(records, name), image, name);
    Rollback made;
    for (const std::filesystem::path& path : image.files) {
        reading.read_file(path);
        made.add([path] { remove_file(path); });
    }
    reading.read_done();
    made.commit();
}

}  // namespace kiln::images

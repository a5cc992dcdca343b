#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/sha256.hpp"
#include "base/units.hpp"
#include "images/bundles/object_store.hpp"

namespace kiln::images {

/// The format of a stored image, version 1: the 8 bytes "kiln-ami", the version as a 64-bit number,
/// then records, each a header of 80 bytes and its payload. Numbers are big-endian.
///
///   bytes 0–3    kind      "DOCU", "FRAM", "FILE" or "DONE"
///   bytes 4–7    payload   its size
///   bytes 8–15   amount
///   bytes 16–79  digest    SHA-256, 64 lower-case hex digits
///
///   kind   payload                amount                      digest of
///   DOCU   the document           number of files             the payload
///   FRAM   a frame, zstd          bytes of the file in it     the payload
///   FILE   –                      bytes of the file           the file
///   DONE   –                      bytes of all files          all headers before this one
///
/// The document comes first; each file is its frames (all but the last full) and a FILE; DONE is
/// the object's end. So it is written in one pass, and read with ranges of at most a frame and a
/// header.
enum class RecordKind { document, frame, file, done };

struct StoredRecord {
    RecordKind kind{};
    Bytes payload_size;
    std::uint64_t amount = 0;
    std::string digest;
};

/// Writes the records of one object. Throws what the writer throws. One thread.
class RecordWriter {
  public:
    /// Writes the object's beginning.
    explicit RecordWriter(ObjectWriter& writer);

    void write_document(const std::string& document, std::uint64_t file_count);
    void write_frame(const std::string& frame, Bytes size);
    void write_file_end(Bytes size, const std::string& digest);
    void write_done(Bytes total);

  private:
    void write(const StoredRecord& record, std::string_view payload);

    ObjectWriter& writer_;
    Sha256 headers_;
};

/// Reads the records of one object with one get each. Throws Error{InvalidImageFile} for a record
/// that is out of bounds or whose digest is not that of its payload, and for an object that does
/// not end with DONE. One thread.
class RecordReader {
  public:
    /// Throws Error{InvalidImageFile} when the object is no stored image, or of another version.
    RecordReader(const ObjectStore& store, ObjectName name);

    struct Read {
        StoredRecord record;
        std::string payload;
    };
    /// The next record; not to be called after DONE.
    Read next();
    /// How many bytes of the object were read.
    Bytes position() const { return position_; }

  private:
    StoredRecord decode(std::string_view header) const;
    void check_digest(const Read& read) const;

    const ObjectStore& store_;
    ObjectName name_;
    Bytes position_;
    std::string header_;  // of the record that comes next
    Sha256 headers_;      // of those before it
};

}  // namespace kiln::images

#include "images/bundles/stored_record.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "images/bundles/frame.hpp"
#include "images/bundles/stored_image.hpp"
#include "images/bundles/transfer.hpp"

namespace kiln::images {

namespace {

constexpr std::string_view magic = "kiln-ami";
constexpr std::uint64_t version = 1;
constexpr std::size_t beginning_size = 16;
constexpr std::size_t kind_size = 4;
constexpr std::size_t payload_size_at = 4;
constexpr std::size_t amount_at = 8;
constexpr std::size_t digest_at = 16;
constexpr std::size_t header_size = digest_at + Sha256::hex_digits;

constexpr std::array<std::pair<RecordKind, std::string_view>, 4> kinds{{
    {RecordKind::document, "DOCU"},
    {RecordKind::frame, "FRAM"},
    {RecordKind::file, "FILE"},
    {RecordKind::done, "DONE"},
}};

std::string_view to_text(RecordKind kind) {
    return kinds.at(static_cast<std::size_t>(kind)).second;
}

std::optional<RecordKind> parse_kind(std::string_view text) {
    for (const auto& [kind, word] : kinds) {
        if (word == text) return kind;
    }
    return std::nullopt;
}

std::string big_endian(std::uint64_t number, std::size_t size) {
    std::string bytes(size, '\0');
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte, number >>= 8U)
        *byte = static_cast<char>(number & 0xffU);
    return bytes;
}

std::uint64_t number_in(std::string_view bytes) {
    std::uint64_t number = 0;
    for (const char byte : bytes)
        number = number << 8U | static_cast<unsigned char>(byte);
    return number;
}

std::string encode(const StoredRecord& record) {
    return std::string(to_text(record.kind)) +
           big_endian(record.payload_size.value, amount_at - payload_size_at) +
           big_endian(record.amount, digest_at - amount_at) + record.digest;
}

bool is_within_bounds(const StoredRecord& record) {
    if (!is_sha256_hex(record.digest)) return false;
    switch (record.kind) {
        case RecordKind::document:
            return record.payload_size <= max_document_size && record.amount <= max_stored_files;
        case RecordKind::frame:
            return record.payload_size.value > 0 &&
                   record.payload_size <= max_compressed_frame_size && record.amount > 0 &&
                   record.amount <= frame_size.value;
        case RecordKind::file:
        case RecordKind::done:
            return record.payload_size.value == 0;
    }
    return false;
}

}  // namespace

RecordWriter::RecordWriter(ObjectWriter& writer) : writer_(writer) {
    writer_.write(std::string(magic) + big_endian(version, beginning_size - magic.size()));
}

void RecordWriter::write_document(const std::string& document, std::uint64_t file_count) {
    write({.kind = RecordKind::document, .amount = file_count, .digest = sha256_hex(document)},
          document);
}

void RecordWriter::write_frame(const std::string& frame, Bytes size) {
    write({.kind = RecordKind::frame, .amount = size.value, .digest = sha256_hex(frame)}, frame);
}

void RecordWriter::write_file_end(Bytes size, const std::string& digest) {
    write({.kind = RecordKind::file, .amount = size.value, .digest = digest}, "");
}

void RecordWriter::write_done(Bytes total) {
    write({.kind = RecordKind::done, .amount = total.value, .digest = headers_.hex()}, "");
}

void RecordWriter::write(const StoredRecord& record, std::string_view payload) {
    StoredRecord complete = record;
    complete.payload_size = {payload.size()};
    const std::string header = encode(complete);
    headers_.update(header);
    writer_.write(header);
    writer_.write(payload);
}

RecordReader::RecordReader(const ObjectStore& store, ObjectName name)
    : store_(store), name_(std::move(name)) {
    std::string begin =
        store_.get(name_, {.offset = Bytes{0}, .length = Bytes{beginning_size + header_size}});
    if (!begin.starts_with(magic)) {
        throw damaged(name_, "it is not a stored image: it does not begin as one");
    }
    if (begin.size() < beginning_size + header_size) throw damaged(name_, "it ends too early");
    const std::string_view rest = std::string_view(begin).substr(magic.size());
    const std::uint64_t found = number_in(rest.substr(0, beginning_size - magic.size()));
    if (found != version) {
        throw damaged(name_,
                      fmt::format("its format is version {}, and only {} is known: store the "
                                  "image anew",
                                  found, version));
    }
    header_ = begin.substr(beginning_size);
    position_ = {begin.size()};
}

RecordReader::Read RecordReader::next() {
    StoredRecord record = decode(header_);
    const bool is_last = record.kind == RecordKind::done;
    // Together with the next header, or one byte that must not be there: each get is a round trip.
    const std::uint64_t size = record.payload_size.value;
    std::string bytes = store_.get(
        name_, {.offset = position_, .length = Bytes{size + (is_last ? 1 : header_size)}});
    if (is_last && !bytes.empty()) throw damaged(name_, "it goes on behind its end");
    if (!is_last && bytes.size() != size + header_size) throw damaged(name_, "it ends too early");
    std::string next_header = bytes.substr(size);
    bytes.resize(size);
    Read read{.record = std::move(record), .payload = std::move(bytes)};
    check_digest(read);
    headers_.update(header_);
    position_ = position_ + Bytes{size + next_header.size()};
    header_ = std::move(next_header);
    return read;
}

StoredRecord RecordReader::decode(std::string_view header) const {
    const auto kind = parse_kind(header.substr(0, kind_size));
    if (!kind) throw damaged(name_, "it has a record of an unknown kind");
    StoredRecord record{
        .kind = *kind,
        .payload_size = {number_in(header.substr(payload_size_at, amount_at - payload_size_at))},
        .amount = number_in(header.substr(amount_at, digest_at - amount_at)),
        .digest = std::string(header.substr(digest_at))};
    if (!is_within_bounds(record)) {
        throw damaged(
            name_, fmt::format("it has a {} record that is out of bounds", to_text(record.kind)));
    }
    return record;
}

void RecordReader::check_digest(const Read& read) const {
    if (read.record.kind == RecordKind::file) return;  // that of the file, which others made
    const std::string digest =
        read.record.kind == RecordKind::done ? headers_.hex() : sha256_hex(read.payload);
    if (digest == read.record.digest) return;
    throw damaged(
        name_, fmt::format("a {} record is not what its digest says", to_text(read.record.kind)));
}

}  // namespace kiln::images

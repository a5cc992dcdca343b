#include "images/bundles/bundle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/rollback.hpp"
#include "base/text.hpp"
#include "images/bundles/frame.hpp"
#include "images/bundles/sparse_file.hpp"

namespace kiln::images {

namespace {

constexpr std::string_view manifest_suffix = ".manifest.xml";
constexpr std::string_view part_suffix = ".part.";
constexpr Bytes any_size{std::numeric_limits<std::uint64_t>::max()};

std::string part_of(std::string_view prefix, std::size_t index) {
    return fmt::format("{}{}{:04}", prefix, part_suffix, index);
}

std::string last_name_of(const std::string& key) {
    return key.substr(key.rfind('/') + 1);  // npos + 1 is 0
}

/// The bundle whose manifest has that name.
ObjectPrefix bundle_of(const ObjectName& manifest) {
    if (manifest.key.ends_with(manifest_suffix)) {
        return {.bucket = manifest.bucket,
                .prefix = manifest.key.substr(0, manifest.key.size() - manifest_suffix.size())};
    }
    throw Error("InvalidManifest", to_text(manifest),
                fmt::format("'{}' is not a bundle's manifest: its name must end with '{}'",
                            to_text(manifest), manifest_suffix));
}

ObjectName part_object(const ObjectPrefix& bundle, std::size_t index) {
    return {.bucket = bundle.bucket, .key = part_of(bundle.prefix, index)};
}

bool exists(const ObjectStore& store, const ObjectName& name) {
    try {
        store.size(name);
        return true;
    } catch (const Error& error) {
        if (error.code() != "NoSuchBucket" && error.code() != "NoSuchKey") throw;
        return false;
    }
}

void put_object(ObjectStore& store, const ObjectName& name, std::string_view bytes) {
    const auto writer = store.put(name);
    writer->write(bytes);
    writer->commit();
}

}  // namespace

ObjectName manifest_of(const ObjectPrefix& bundle) {
    return {.bucket = bundle.bucket, .key = bundle.prefix + std::string(manifest_suffix)};
}

// Writing

namespace {

/// The manifest with the longest values that may follow: when it is valid, so is the final one.
BundleManifest plan_manifest(const ObjectPrefix& bundle, Bytes size,
                             const BundleDescription& description) {
    const std::uint64_t count = count_frames(size);
    BundleManifest manifest{.bundler_name = "kiln",
                            .bundler_version = KILN_VERSION,
                            .description = description,
                            .digest = sha256_hex(""),
                            .size = size,
                            .bundled_size = {count * max_compressed_frame_size.value}};
    const std::string name = last_name_of(bundle.prefix);
    for (std::size_t i = 0; i < std::min<std::uint64_t>(count, max_bundle_parts); ++i) {
        manifest.parts.push_back({.filename = part_of(name, i),
                                  .digest = sha256_hex(""),
                                  .size = max_compressed_frame_size});
    }
    if (count > max_bundle_parts || to_xml(manifest).size() > max_manifest_size.value) {
        throw Error(
            error_code::invalid_parameter_value, bundle.prefix,
            fmt::format("a file of {} GiB is too large for a bundle, whose manifest holds at "
                        "most {} MiB: store the image instead (CreateStoreImageTask)",
                        size.in_gibibytes(), max_manifest_size.in_mebibytes()));
    }
    check_manifest(manifest, any_size);
    return manifest;
}

void refuse_existing(const ObjectStore& store, const ObjectName& manifest) {
    if (!exists(store, manifest)) return;
    throw Error(error_code::invalid_parameter_value, to_text(manifest),
                fmt::format("there is a bundle '{}' already: choose another prefix, or remove it",
                            to_text(manifest)));
}

void write_parts(ObjectStore& store, const ObjectPrefix& bundle, FrameReader& reader,
                 BundleManifest& manifest, const ProgressCallback& progress,
                 const std::stop_token& stop) {
    manifest.bundled_size = Bytes{0};
    for (std::size_t i = 0; i < manifest.parts.size(); ++i) {
        check_not_canceled(stop, fmt::format("the bundling of '{}'", bundle.prefix));
        const std::string frame = compress_frame(reader.next().value());
        put_object(store, part_object(bundle, i), frame);
        BundlePart& part = manifest.parts[i];
        part.digest = sha256_hex(frame);
        part.size = {frame.size()};
        manifest.bundled_size = manifest.bundled_size + part.size;
        tell(progress, {.done = reader.position(), .total = reader.size()});
    }
    check_not_canceled(stop, fmt::format("the bundling of '{}'", bundle.prefix));
    manifest.digest = reader.digest();
}

void remove_parts(ObjectStore& store, const ObjectPrefix& bundle, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        store.remove(part_object(bundle, i));
}

}  // namespace

BundleManifest write_bundle(ObjectStore& store, const ObjectPrefix& bundle,
                            const std::filesystem::path& file, const BundleDescription& description,
                            const ProgressCallback& progress, const std::stop_token& stop) {
    FrameReader reader(file);
    BundleManifest manifest = plan_manifest(bundle, reader.size(), description);
    const ObjectName name = manifest_of(bundle);
    refuse_existing(store, name);
    Rollback written;
    written.add([&] { remove_parts(store, bundle, manifest.parts.size()); });
    write_parts(store, bundle, reader, manifest, progress, stop);
    written.add([&] { store.remove(name); });
    put_object(store, name, to_xml(manifest));
    written.commit();
    return manifest;
}

// Reading

namespace {

/// A manifest that named others' objects could have them read, or removed with it.
void check_parts_are_its_own(const BundleManifest& manifest, const ObjectPrefix& bundle) {
    const std::string name = last_name_of(bundle.prefix);
    for (std::size_t i = 0; i < manifest.parts.size(); ++i) {
        if (manifest.parts[i].filename == part_of(name, i)) continue;
        throw Error("InvalidManifest", "",
                    fmt::format("the bundle's manifest is not valid: it names the part '{}', and "
                                "beside it that must be '{}'",
                                manifest.parts[i].filename, part_of(name, i)));
    }
}

std::string get_part(const ObjectStore& store, const ObjectName& name, Bytes length) {
    try {
        return store.get(name, {.offset = Bytes{0}, .length = length});
    } catch (const Error& error) {
        if (error.code() != "NoSuchKey") throw;
        throw damaged(name, "this part of the bundle is missing");
    }
}

/// The part's bytes, as the manifest has them.
std::string read_part(const ObjectStore& store, const ObjectName& name, const BundlePart& part) {
    std::string bytes = get_part(store, name, part.size + Bytes{1});
    if (bytes.size() != part.size.value) {
        throw damaged(name, fmt::format("it does not have the {} bytes that the manifest says",
                                        part.size.value));
    }
    if (sha256_hex(bytes) != part.digest) {
        throw damaged(name, "its content is not what the manifest's digest says");
    }
    return bytes;
}

}  // namespace

BundleManifest read_manifest(const ObjectStore& store, const ObjectName& manifest,
                             Bytes max_file_size) {
    const ObjectPrefix bundle = bundle_of(manifest);
    // One byte more tells a larger one from one that is as large as it may be.
    const std::string xml =
        store.get(manifest, {.offset = Bytes{0}, .length = max_manifest_size + Bytes{1}});
    try {
        BundleManifest parsed = parse_manifest(xml, max_file_size);
        check_parts_are_its_own(parsed, bundle);
        return parsed;
    } catch (const Error& error) {
        throw Error(error.code(), to_text(manifest),
                    fmt::format("'{}': {}", to_text(manifest), error.message()));
    }
}

BundleManifest check_bundle(const ObjectStore& store, const ObjectName& manifest,
                            Bytes max_file_size, const std::stop_token& stop) {
    const ObjectPrefix bundle = bundle_of(manifest);
    BundleManifest checked = read_manifest(store, manifest, max_file_size);
    for (std::size_t i = 0; i < checked.parts.size(); ++i) {
        check_not_canceled(stop, fmt::format("the check of '{}'", bundle.prefix));
        read_part(store, part_object(bundle, i), checked.parts[i]);
    }
    return checked;
}

BundleManifest unpack_bundle(const ObjectStore& store, const ObjectName& manifest,
                             const std::filesystem::path& file, Bytes max_file_size,
                             const ProgressCallback& progress, const std::stop_token& stop) {
    const ObjectPrefix bundle = bundle_of(manifest);
    BundleManifest unpacked = read_manifest(store, manifest, max_file_size);
    SparseFile target(file);
    for (std::size_t i = 0; i < unpacked.parts.size(); ++i) {
        check_not_canceled(stop, fmt::format("the unpacking of '{}'", bundle.prefix));
        const ObjectName part = part_object(bundle, i);
        const Bytes size = size_of_frame(unpacked.size, i);
        const auto bytes = decompress_frame(read_part(store, part, unpacked.parts[i]), size);
        if (!bytes) {
            throw damaged(part, fmt::format("it does not hold {} bytes of the image", size.value));
        }
        target.write(*bytes);
        tell(progress, {.done = target.size(), .total = unpacked.size});
    }
    if (target.digest() != unpacked.digest) {
        throw damaged(manifest, "the parts are not of the image whose digest the manifest has");
    }
    check_not_canceled(stop, fmt::format("the unpacking of '{}'", bundle.prefix));
    target.finish();
    return unpacked;
}

void remove_bundle(ObjectStore& store, const ObjectName& manifest) {
    const BundleManifest removed = read_manifest(store, manifest, any_size);
    remove_parts(store, bundle_of(manifest), removed.parts.size());
    store.remove(manifest);
}

void remove_unfinished_bundle(ObjectStore& store, const ObjectPrefix& bundle) {
    if (exists(store, manifest_of(bundle))) return;
    // Parts are written in order: the first that is missing is behind the last. A part of an
    // earlier try may follow a gap, so they are not counted but looked for.
    const std::string begin = bundle.prefix + std::string(part_suffix);
    try {
        for (const auto& object : store.list({.bucket = bundle.bucket, .prefix = begin})) {
            const std::string_view number = std::string_view(object.key).substr(begin.size());
            const bool is_part = number.size() >= 4 &&
                                 number.find_first_not_of("0123456789") == std::string_view::npos;
            if (is_part) store.remove({.bucket = bundle.bucket, .key = object.key});
        }
    } catch (const Error& error) {
        if (error.code() != "NoSuchBucket") throw;
    }
}

}  // namespace kiln::images

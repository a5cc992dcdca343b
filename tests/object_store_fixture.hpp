#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/bundles/directory_object_store.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::tests {

/// Bytes that do not compress, the same for the same seed.
inline std::string random_bytes(std::size_t size, unsigned seed = 1) {
    std::mt19937_64 generator(seed);
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; i += 8) {
        const std::uint64_t number = generator();
        bytes.replace(i, std::min<std::size_t>(8, size - i), reinterpret_cast<const char*>(&number),
                      std::min<std::size_t>(8, size - i));
    }
    return bytes;
}

inline void put_object(images::ObjectStore& store, const images::ObjectName& name,
                       std::string_view bytes) {
    const auto writer = store.put(name);
    writer->write(bytes);
    writer->commit();
}

inline std::string get_object(const images::ObjectStore& store, const images::ObjectName& name) {
    return store.get(name, {.offset = Bytes{0}, .length = Bytes::gibibytes(1)});
}

/// An object store in a directory of its own, with room for local files beside it.
class ObjectStoreFixture : public ::testing::Test {
  protected:
    std::filesystem::path local(const std::string& name) const { return directory_.path() / name; }
    std::filesystem::path root() const { return local("store"); }
    images::DirectoryObjectStore& store() { return store_; }

    std::filesystem::path local_file(const std::string& name, const std::string& content) const {
        std::ofstream(local(name), std::ios::binary) << content;
        return local(name);
    }
    static std::string content_of(const std::filesystem::path& file) {
        return read_file(file, Bytes::gibibytes(1));
    }
    std::vector<std::string> keys(const std::string& prefix = "") const {
        std::vector<std::string> found;
        for (const auto& object : store_.list({.bucket = "images", .prefix = prefix}))
            found.push_back(object.key);
        return found;
    }
    /// Everything below the store's directory that is no directory.
    std::vector<std::string> files_of_store() const {
        std::vector<std::string> files;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root())) {
            if (!entry.is_directory()) files.push_back(entry.path().lexically_relative(root()));
        }
        return files;
    }
    void flip_byte(const images::ObjectName& name, std::size_t at) {
        std::string bytes = get_object(store_, name);
        bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
        put_object(store_, name, bytes);
    }
    void replace_in(const images::ObjectName& name, const std::string& from,
                    const std::string& to) {
        std::string bytes = get_object(store_, name);
        const std::size_t at = bytes.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        put_object(store_, name, bytes.replace(at, from.size(), to));
    }

  private:
    TemporaryDirectory directory_;
    images::DirectoryObjectStore store_{directory_.path() / "store"};
};

/// "code: message" of the Error that `work` throws; "" when it throws none.
template <class Work>
std::string refusal_of(Work&& work) {
    try {
        std::forward<Work>(work)();
    } catch (const Error& error) {
        return error.code() + ": " + error.message();
    }
    return "";
}

}  // namespace kiln::tests

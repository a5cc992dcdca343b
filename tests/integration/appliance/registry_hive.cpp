#include "tests/integration/appliance/registry_hive.hpp"

#include "base/error.hpp"
#include "base/file.hpp"

namespace kiln::tests {

namespace {

// The format:
// https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
constexpr std::size_t page = 4096;
constexpr std::uint32_t nothing = 0xffffffff;
constexpr std::uint32_t root_offset = 0x20;  // after the header of the first page of cells
constexpr std::uint32_t root_size = 88;
constexpr std::uint32_t security_offset = root_offset + root_size;
constexpr std::uint32_t security_size = 48;
constexpr std::uint32_t free_offset = security_offset + security_size;

void put(std::string& bytes, std::size_t offset, std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i)
        bytes.at(offset + i) = static_cast<char>((value >> (8 * i)) & 0xff);
}

void put_text(std::string& bytes, std::size_t offset, const std::string& text) {
    bytes.replace(offset, text.size(), text);
}

std::string header() {
    std::string bytes(page, '\0');
    put_text(bytes, 0, "regf");
    put(bytes, 4, 1, 4);  // sequence numbers
    put(bytes, 8, 1, 4);
    put(bytes, 20, 1, 4);  // version 1.3
    put(bytes, 24, 3, 4);
    put(bytes, 32, 1, 4);
    put(bytes, 36, root_offset, 4);
    put(bytes, 40, page, 4);
    put(bytes, 44, 1, 4);
    std::uint32_t sum = 0;
    for (std::size_t offset = 0; offset < 508; offset += 4) {
        std::uint32_t word = 0;
        for (std::size_t i = 4; i-- > 0;)
            word = (word << 8) | static_cast<unsigned char>(bytes[offset + i]);
        sum ^= word;
    }
    put(bytes, 508, sum, 4);
    return bytes;
}

/// A key without a name, values or keys below it.
void put_root(std::string& cells) {
    put(cells, root_offset, -std::int64_t{root_size}, 4);
    put_text(cells, root_offset + 4, "nk");
    put(cells, root_offset + 6, 0x2c, 2);  // the root, which cannot be deleted, with a short name
    put(cells, root_offset + 20, nothing, 4);        // parent
    for (const std::size_t list : {32, 36, 44, 52})  // keys, volatile keys, values, class
        put(cells, root_offset + list, nothing, 4);
    put(cells, root_offset + 48, security_offset, 4);
}

void put_security(std::string& cells) {
    put(cells, security_offset, -std::int64_t{security_size}, 4);
    put_text(cells, security_offset + 4, "sk");
    put(cells, security_offset + 8, security_offset, 4);  // a ring of one
    put(cells, security_offset + 12, security_offset, 4);
    put(cells, security_offset + 16, 1, 4);
    put(cells, security_offset + 20, 20, 4);
    put(cells, security_offset + 24, 1, 1);  // an empty descriptor, revision 1
}

std::string empty_hive() {
    std::string cells(page, '\0');
    put_text(cells, 0, "hbin");
    put(cells, 8, page, 4);
    put_root(cells);
    put_security(cells);
    put(cells, free_offset, page - free_offset, 4);
    return header() + cells;
}

/// UTF-16, little-endian, of ASCII, with a zero at the end.
std::string utf_16(const std::string& text) {
    std::string bytes;
    for (const char c : text + '\0') {
        bytes += c;
        bytes += '\0';
    }
    return bytes;
}

}  // namespace

RegistryHive::RegistryHive(std::filesystem::path file) : file_(std::move(file)) {
    write_file_atomically(file_, empty_hive(), 0600);
    hive_.reset(hivex_open(file_.c_str(), HIVEX_OPEN_WRITE));
    if (!hive_) throw system_error("open an empty hive");
}

hive_node_h RegistryHive::open_key(const std::vector<std::string>& key) {
    hive_node_h node = hivex_root(hive_.get());
    for (const std::string& name : key) {
        const hive_node_h child = hivex_node_get_child(hive_.get(), node, name.c_str());
        node = child != 0 ? child : hivex_node_add_child(hive_.get(), node, name.c_str());
        if (node == 0) throw system_error("make the key " + name);
    }
    return node;
}

void RegistryHive::set(const std::vector<std::string>& key, const std::string& name, hive_type type,
                       std::string bytes) {
    std::string owned_name = name;
    const hive_set_value value{
        .key = owned_name.data(), .t = type, .len = bytes.size(), .value = bytes.data()};
    if (hivex_node_set_value(hive_.get(), open_key(key), &value, 0) != 0)
        throw system_error("set the value " + name);
}

void RegistryHive::set_text(const std::vector<std::string>& key, const std::string& name,
                            const std::string& value) {
    set(key, name, hive_t_REG_SZ, utf_16(value));
}

void RegistryHive::set_number(const std::vector<std::string>& key, const std::string& name,
                              std::uint32_t value) {
    std::string bytes(4, '\0');
    put(bytes, 0, value, 4);
    set(key, name, hive_t_REG_DWORD, bytes);
}

void RegistryHive::commit() {
    if (hivex_commit(hive_.get(), file_.c_str(), 0) != 0) throw system_error("write the hive");
}

}  // namespace kiln::tests

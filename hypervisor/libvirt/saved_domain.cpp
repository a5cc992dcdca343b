#include "hypervisor/libvirt/saved_domain.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <pugixml.hpp>
#include <sstream>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "hypervisor/domain/domain_xml.hpp"
#include "hypervisor/hypervisor.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

namespace {

constexpr std::string_view magic = "LibvirtQemudSave";
constexpr std::uint32_t known_version = 2;
constexpr std::uint32_t most_data = 16 * 1024 * 1024;

/// All fields are of the host's byte order, since a file never leaves it.
struct FileHead {
    std::array<char, 16> magic;
    std::uint32_t version;
    std::uint32_t data_length;  // of what follows the head: XML, a zero, the cookie, padding
    std::uint32_t was_running;
    std::uint32_t compressed;
    std::uint32_t cookie_offset;  // in the data; 0: there is none
    std::array<std::uint32_t, 14> unused;
};
static_assert(sizeof(FileHead) == 92);

Error invalid(const std::filesystem::path& file, const std::string& why) {
    return {stale_saved_domain, file.string(),
            fmt::format("'{}' is no saved domain of this libvirt: {}", file.string(), why)};
}

Fd open_to_read(const std::filesystem::path& file) {
    Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) throw system_error(fmt::format("open '{}'", file.string()));
    return fd;
}

FileHead read_file_head(const Fd& fd, const std::filesystem::path& file) {
    std::array<char, sizeof(FileHead)> bytes{};
    if (read_at(fd, file, {0}, bytes) != bytes.size()) throw invalid(file, "it is too short");
    FileHead head{};
    std::memcpy(&head, bytes.data(), bytes.size());
    if (std::string_view(head.magic.data(), head.magic.size()) != magic)
        throw invalid(file, "it begins in another way");
    if (head.version != known_version) throw invalid(file, "it is of another version");
    if (head.data_length > most_data || head.cookie_offset >= head.data_length)
        throw invalid(file, "its lengths are wrong");
    return head;
}

std::string until_zero(const std::string& data, std::size_t from) {
    const std::size_t end = data.find('\0', from);
    return data.substr(from, end == std::string::npos ? end : end - from);
}

std::string to_text(const pugi::xml_document& document) {
    std::ostringstream text;
    document.save(text, "  ", pugi::format_indent | pugi::format_no_declaration);
    return text.str();
}

void replace_child(pugi::xml_node parent, pugi::xml_node other, const char* name) {
    const pugi::xml_node old = parent.child(name);
    const pugi::xml_node wanted = other.child(name);
    if (wanted && old) {
        parent.insert_copy_before(wanted, old);
    } else if (wanted) {
        parent.append_copy(wanted);
    }
    if (old) parent.remove_child(old);
}

std::ptrdiff_t count_of(pugi::xml_node parent, const char* name) {
    const auto children = parent.children(name);
    return std::distance(children.begin(), children.end());
}

void replace_disks(pugi::xml_node devices, pugi::xml_node others) {
    if (count_of(devices, "disk") != count_of(others, "disk"))
        throw Error(stale_saved_domain, "", "a saved domain has other disks");
    pugi::xml_node other = others.child("disk");
    for (pugi::xml_node disk : devices.children("disk")) {
        for (const char* name : {"source", "backingStore"})
            replace_child(disk, other, name);
        other = other.next_sibling("disk");
    }
}

/// libvirt has given the console and the agent's channel places by the domain's name.
void replace_consoles(pugi::xml_node devices, pugi::xml_node others) {
    const pugi::xml_node log = others.child("serial").child("log");
    for (const char* name : {"serial", "console"}) {
        pugi::xml_node console = devices.child(name);
        console.remove_child("log");
        if (console && log) console.append_copy(log);
        console.remove_child("source");
        console.remove_attribute("tty");
    }
    for (pugi::xml_node channel : devices.children("channel"))
        channel.remove_child("source");
}

std::string with_uuid(std::string text, const std::string& old_uuid, const std::string& new_uuid) {
    for (std::size_t at = text.find(old_uuid); at != std::string::npos;
         at = text.find(old_uuid, at + new_uuid.size())) {
        text.replace(at, old_uuid.size(), new_uuid);
    }
    return text;
}

void copy_rest(const Fd& from, off_t offset, const std::filesystem::path& source, const Fd& to) {
    struct stat status {};
    if (::fstat(from.get(), &status) != 0) throw system_error("look at a saved domain");
    while (offset < status.st_size) {
        const auto left = static_cast<std::size_t>(status.st_size - offset);
        const ssize_t count = ::copy_file_range(from.get(), &offset, to.get(), nullptr, left, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) throw system_error(fmt::format("copy '{}'", source.string()));
    }
}

}  // namespace

SavedHead read_saved_head(const std::filesystem::path& file) {
    const Fd fd = open_to_read(file);
    const FileHead head = read_file_head(fd, file);
    std::string data(head.data_length, '\0');
    if (read_at(fd, file, {sizeof(FileHead)}, data) != data.size())
        throw invalid(file, "it is too short");
    return {.xml = until_zero(data, 0),
            .cookie = head.cookie_offset == 0 ? "" : until_zero(data, head.cookie_offset)};
}

SavedHead saved_head_for(const SavedHead& saved, const DomainSpec& spec) {
    pugi::xml_document document;
    pugi::xml_document wanted;
    if (!document.load_string(saved.xml.c_str()) || !document.child("domain"))
        throw Error(stale_saved_domain, spec.name, "a saved domain has no XML");
    wanted.load_string(domain_xml(spec).c_str());
    pugi::xml_node domain = document.child("domain");
    const pugi::xml_node other = wanted.child("domain");
    const std::string old_uuid = domain.child_value("uuid");
    if (old_uuid.empty()) throw Error(stale_saved_domain, spec.name, "a saved domain has no UUID");
    for (const char* name : {"name", "uuid", "title", "metadata", "sysinfo", "seclabel"})
        replace_child(domain, other, name);
    replace_disks(domain.child("devices"), other.child("devices"));
    replace_consoles(domain.child("devices"), other.child("devices"));
    return {.xml = to_text(document), .cookie = with_uuid(saved.cookie, old_uuid, spec.uuid)};
}

void write_saved_domain(const std::filesystem::path& target, const SavedHead& head,
                        const std::filesystem::path& source) {
    const Fd from = open_to_read(source);
    FileHead file_head = read_file_head(from, source);
    const auto state = static_cast<off_t>(sizeof(FileHead) + file_head.data_length);
    std::string data = head.xml + '\0';
    file_head.cookie_offset = head.cookie.empty() ? 0 : static_cast<std::uint32_t>(data.size());
    if (!head.cookie.empty()) data += head.cookie + '\0';
    file_head.data_length = static_cast<std::uint32_t>(data.size());
    const Fd to(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!to) throw system_error(fmt::format("make '{}'", target.string()));
    std::string bytes(sizeof(FileHead), '\0');
    std::memcpy(bytes.data(), &file_head, sizeof(FileHead));
    write_all(to, target, bytes + data);
    copy_rest(from, state, source, to);
}

void save_domain(virDomainPtr domain, const std::filesystem::path& file) {
    if (virDomainSaveFlags(domain, file.c_str(), nullptr, VIR_DOMAIN_SAVE_RUNNING) == 0) return;
    const std::string name = virDomainGetName(domain);
    throw last_libvirt_error(fmt::format("save '{}'", name), name);
}

void restore_domain(virConnectPtr connection, const std::filesystem::path& file,
                    const std::string& name) {
    if (virDomainRestoreFlags(connection, file.c_str(), nullptr, VIR_DOMAIN_SAVE_RUNNING) == 0)
        return;
    const Error failure =
        last_libvirt_error(fmt::format("start '{}' from a saved state", name), name);
    if (failure.code() == error_code::unavailable) throw Error(failure);
    throw Error(stale_saved_domain, name, failure.message());
}

}  // namespace kiln::hypervisor

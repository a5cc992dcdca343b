#include "base/file_readers.hpp"

#include <fmt/format.h>
#include <sys/acl.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/error.hpp"

namespace kiln {

namespace {

constexpr const char* list_attribute = "system.posix_acl_access";

/// An access control list in memory.
class Acl {
  public:
    explicit Acl(const std::filesystem::path& file)
        : acl_(::acl_get_file(file.c_str(), ACL_TYPE_ACCESS)) {}
    ~Acl() {
        if (acl_ != nullptr) ::acl_free(acl_);
    }
    Acl(const Acl&) = delete;
    Acl& operator=(const Acl&) = delete;

    explicit operator bool() const { return acl_ != nullptr; }
    acl_t get() const { return acl_; }
    acl_t* place() { return &acl_; }  // for functions that may move it

  private:
    acl_t acl_;
};

void check(int result, const std::filesystem::path& file) {
    if (result == 0) return;
    throw system_error(fmt::format("change the access control list of '{}'", file.string()));
}

/// To be called when the list of the file could not be read.
void refuse_unreadable(const std::filesystem::path& file, int error) {
    if (error == ENOENT) return;
    errno = error;
    throw system_error(fmt::format("read the access control list of '{}'", file.string()));
}

std::vector<acl_entry_t> entries_of(const Acl& acl) {
    std::vector<acl_entry_t> entries;
    acl_entry_t entry = nullptr;
    for (int which = ACL_FIRST_ENTRY; ::acl_get_entry(acl.get(), which, &entry) == 1;
         which = ACL_NEXT_ENTRY) {
        entries.push_back(entry);
    }
    return entries;
}

acl_tag_t tag_of(acl_entry_t entry) {
    acl_tag_t tag = ACL_UNDEFINED_TAG;
    ::acl_get_tag_type(entry, &tag);
    return tag;
}

/// nullopt for the entries that name no user.
std::optional<uid_t> user_of(acl_entry_t entry) {
    if (tag_of(entry) != ACL_USER) return std::nullopt;
    void* qualifier = ::acl_get_qualifier(entry);
    if (qualifier == nullptr) return std::nullopt;
    const uid_t user = *static_cast<const uid_t*>(qualifier);
    ::acl_free(qualifier);
    return user;
}

std::optional<acl_entry_t> find_entry(const Acl& acl, uid_t user) {
    for (const acl_entry_t entry : entries_of(acl)) {
        if (user_of(entry) == user) return entry;
    }
    return std::nullopt;
}

bool names_somebody(const Acl& acl) {
    return std::ranges::any_of(entries_of(acl), [](acl_entry_t entry) {
        return tag_of(entry) == ACL_USER || tag_of(entry) == ACL_GROUP;
    });
}

/// A mask without names would stay as the group's bits of the mode.
void store(Acl& acl, const std::filesystem::path& file) {
    if (names_somebody(acl)) {
        check(::acl_calc_mask(acl.place()), file);
    } else {
        for (const acl_entry_t entry : entries_of(acl)) {
            if (tag_of(entry) == ACL_MASK) check(::acl_delete_entry(acl.get(), entry), file);
        }
    }
    check(::acl_set_file(file.c_str(), ACL_TYPE_ACCESS, acl.get()), file);
}

void append_user(Acl& acl, uid_t user, acl_perm_t right, const std::filesystem::path& file) {
    acl_entry_t entry = nullptr;
    acl_permset_t permissions = nullptr;
    check(::acl_create_entry(acl.place(), &entry), file);
    check(::acl_set_tag_type(entry, ACL_USER), file);
    check(::acl_set_qualifier(entry, &user), file);
    check(::acl_get_permset(entry, &permissions), file);
    check(::acl_clear_perms(permissions), file);
    check(::acl_add_perm(permissions, right), file);
}

}  // namespace

bool can_name_readers(const std::filesystem::path& directory) {
    return ::getxattr(directory.c_str(), list_attribute, nullptr, 0) >= 0 || errno == ENODATA;
}

void add_reader(const std::filesystem::path& file, uid_t user) {
    Acl acl(file);
    if (!acl) throw system_error(fmt::format("let somebody read '{}'", file.string()));
    if (!find_entry(acl, user)) append_user(acl, user, ACL_READ, file);
    store(acl, file);
}

void let_pass(const std::filesystem::path& directory, uid_t user) {
    Acl acl(directory);
    if (!acl) throw system_error(fmt::format("let somebody pass '{}'", directory.string()));
    if (find_entry(acl, user)) return;
    append_user(acl, user, ACL_EXECUTE, directory);
    store(acl, directory);
}

void set_only_reader(const std::filesystem::path& file, uid_t user) {
    Acl acl(file);
    if (!acl) throw system_error(fmt::format("let somebody read '{}'", file.string()));
    for (const acl_entry_t entry : entries_of(acl)) {
        const acl_tag_t tag = tag_of(entry);
        if (tag == ACL_USER || tag == ACL_GROUP) check(::acl_delete_entry(acl.get(), entry), file);
    }
    append_user(acl, user, ACL_READ, file);
    store(acl, file);
}

void remove_reader(const std::filesystem::path& file, uid_t user) {
    Acl acl(file);
    if (!acl) return refuse_unreadable(file, errno);
    const auto entry = find_entry(acl, user);
    if (!entry) return;
    check(::acl_delete_entry(acl.get(), *entry), file);
    store(acl, file);
}

std::vector<uid_t> readers_of(const std::filesystem::path& file) {
    std::vector<uid_t> readers;
    const Acl acl(file);
    if (!acl) refuse_unreadable(file, errno);
    if (!acl) return readers;
    for (const acl_entry_t entry : entries_of(acl)) {
        if (const auto user = user_of(entry)) readers.push_back(*user);
    }
    return readers;
}

}  // namespace kiln

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::images {

/// Whose resources are whose. Users of this host have accounts; an account has any number of users.
struct Account {
    AccountId id;
    std::string name;
    std::optional<std::string> alias = {};  // a second name, which no other account has
    AccountState state = AccountState::active;
    std::optional<std::string> unit = {};  // the organizational unit; none: the root
    Time created;
    std::optional<Time> closed = {};  // while it is suspended
    std::int64_t number = 0;          // from 1 on, in the order of their making: insert_account
};

/// Throws Error{InvalidInputException}: 1 to 50 printable characters.
void check_account_name(const std::string& name);
/// Throws Error{ValidationError}: 3 to 63 lower-case letters, digits and single hyphens within.
void check_account_alias(const std::string& alias);

/// With the ARNs that it may be meant by; gives it its number.
void insert_account(Session& session, const Account& account);
/// Throws Error{AccountNotFoundException}.
Account get_account(Session& session, const AccountId& id);
std::optional<Account> find_account(Session& session, const AccountId& id);
std::optional<Account> find_account_named(Session& session, const std::string& id_or_alias);
/// Oldest first.
std::vector<Account> list_accounts(Session& session);
/// Throws Error{AccountNotFoundException}.
void rename_account(Session& session, const AccountId& id, const std::string& name);
/// Without an alias it loses what it had. Throws Error{EntityAlreadyExists} when another has it.
void set_account_alias(Session& session, const AccountId& id,
                       const std::optional<std::string>& alias);
/// Throws Error{AccountAlreadyClosedException}, and Error{ConstraintViolationException} for the
/// management account of the organization.
void close_account(Session& session, const AccountId& id, Time now);
/// Nothing to open again is no error.
void reopen_account(Session& session, const AccountId& id);

/// The account of a Unix user; made with a new id when the user is seen for the first time, and
/// with the user's name on this host, else "uid 1000".
AccountId account_of_uid(Database& database, uid_t uid, Time now);
/// nullopt for a user who was not seen yet.
std::optional<AccountId> find_account_of_uid(Session& session, uid_t uid);
/// From now on the user has this account. What belongs to the one that it had stays there.
void map_user(Session& session, uid_t uid, const AccountId& account);
/// The Unix users of this host by their accounts.
std::multimap<AccountId, uid_t> users_of_accounts(Session& session);

/// A UUID that tells this catalog from every other, made once: domains carry it, so that two
/// services on one libvirt leave each other's guests alone.
std::string catalog_identity(Database& database);

}  // namespace kiln::images

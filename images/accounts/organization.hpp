#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

/// The organization of a catalog's accounts, in the words of AWS Organizations: a tree of units
/// with accounts in its leaves or anywhere else, and one root. Its ids and ARNs look like those
/// there.
struct Organization {
    std::string id;    // "o-…"
    std::string root;  // "r-…"
    AccountId management_account;
    Time created;
};

/// In the root where it has no parent.
struct OrganizationalUnit {
    std::string id;  // "ou-…"
    std::optional<std::string> parent = {};
    std::string name;
    Time created;
};

/// Units can be nested so deep.
inline constexpr int most_levels_of_units = 5;

/// "arn:aws:organizations::<management account>:organization/o-…".
std::string organization_arn(const Organization& organization);
/// "arn:aws:organizations::<management account>:ou/o-…/ou-…".
std::string unit_arn(const Organization& organization, const std::string& unit);
/// Whether it looks like one of these two, of whatever organization.
bool is_organization_arn(std::string_view text);
bool is_unit_arn(std::string_view text);

/// Made with new ids when there is none yet; all accounts are in it.
Organization found_organization(Session& session, const AccountId& management_account, Time now);
std::optional<Organization> find_organization(Session& session);
/// Throws Error{AWSOrganizationsNotInUseException}.
Organization get_organization(Session& session);

/// `parent` is a unit's id or the root's. Throws Error{ParentNotFoundException},
/// Error{DuplicateOrganizationalUnitException} for a name that the parent has, and
/// Error{ConstraintViolationException} when it would be too deep.
OrganizationalUnit create_unit(Session& session, const std::string& parent, const std::string& name,
                               Time now);
/// Throws Error{OrganizationalUnitNotFoundException}.
OrganizationalUnit get_unit(Session& session, const std::string& id);
/// All of them, by name.
std::vector<OrganizationalUnit> list_units(Session& session);
/// Throws Error{OrganizationalUnitNotFoundException}, Error{DuplicateOrganizationalUnitException}.
void rename_unit(Session& session, const std::string& id, const std::string& name);
/// Throws Error{OrganizationalUnitNotFoundException}, and
/// Error{OrganizationalUnitNotEmptyException} while a unit or an account is in it.
void delete_unit(Session& session, const std::string& id);
/// Into a unit, or into the root by its id. Throws Error{AccountNotFoundException},
/// Error{DestinationParentNotFoundException}.
void move_account(Session& session, const AccountId& account, const std::string& parent);

/// Writes anew by which ARNs the account may be meant: its units' up to the root, and the
/// organization's.
void update_arns(Session& session, const AccountId& account);

}  // namespace kiln::images

#include "images/accounts/organization.hpp"

#include <fmt/format.h>

#include <regex>

#include "base/error.hpp"
#include "base/random.hpp"
#include "images/accounts/account.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t organization_digits = 10;
constexpr std::size_t root_digits = 4;
constexpr std::size_t unit_digits = 8;
constexpr std::size_t max_name_length = 128;

struct UnitTable {
    static constexpr const char* name = "organizational_units";
    static OrganizationalUnit blank() { return {}; }
    static void columns(auto& column, auto& unit) {
        column("unit_id", unit.id);
        column("parent_id", unit.parent);
        column("name", unit.name);
        column("created", unit.created);
    }
};

struct OrganizationTable {
    static constexpr const char* name = "organization";
    static Organization blank() { return {.management_account = placeholder_account()}; }
    static void columns(auto& column, auto& organization) {
        column("organization_id", organization.id);
        column("root_id", organization.root);
        column("management_account", organization.management_account);
        column("created", organization.created);
    }
};

std::optional<OrganizationalUnit> find_unit(Session& session, const std::string& id) {
    return select_row<UnitTable>(session, "where unit_id = :id", {{"id", id}});
}

/// Of a unit's id or the root's: what stands in parent_id. Throws the error for all others.
std::optional<std::string> parent_named(Session& session, const std::string& id,
                                        const char* error_code) {
    if (id == get_organization(session).root) return std::nullopt;
    if (find_unit(session, id)) return id;
    throw Error(error_code, id,
                fmt::format("There is no root or organizational unit with the id '{}': kiln "
                            "describe-organization and list-organizational-units show them",
                            id));
}

/// The unit and those that it is in, innermost first.
std::vector<std::string> path_of(Session& session, std::optional<std::string> unit) {
    std::vector<std::string> path;
    while (unit) {
        path.push_back(*unit);
        unit = get_unit(session, *unit).parent;
    }
    return path;
}

void check_unit_name(Session& session, const std::optional<std::string>& parent,
                     const std::string& name, const std::string& own_id) {
    if (name.empty() || name.size() > max_name_length) {
        throw Error("InvalidInputException", name,
                    fmt::format("The name of a unit has 1 to {} characters", max_name_length));
    }
    for (const OrganizationalUnit& unit : list_units(session)) {
        if (unit.parent == parent && unit.name == name && unit.id != own_id) {
            throw Error("DuplicateOrganizationalUnitException", name,
                        fmt::format("The unit '{}' is there already: {}", name, unit.id));
        }
    }
}

bool has_rows(Session& session, const char* sql, const std::string& id) {
    Statement rows(session, sql, {{"id", id}}, {ColumnType::number});
    return rows.next();
}

void add_arn(Session& session, const AccountId& account, const std::string& arn) {
    run_sql(session, "insert into account_arns (account_id, arn) values (:account, :arn)",
            {{"account", account.str()}, {"arn", arn}});
}

}  // namespace

std::string organization_arn(const Organization& organization) {
    return fmt::format("arn:aws:organizations::{}:organization/{}",
                       organization.management_account.str(), organization.id);
}

std::string unit_arn(const Organization& organization, const std::string& unit) {
    return fmt::format("arn:aws:organizations::{}:ou/{}/{}", organization.management_account.str(),
                       organization.id, unit);
}

bool is_organization_arn(std::string_view text) {
    static const std::regex pattern(
        "arn:aws:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}");
    return std::regex_match(text.begin(), text.end(), pattern);
}

bool is_unit_arn(std::string_view text) {
    static const std::regex pattern(
        "arn:aws:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}");
    return std::regex_match(text.begin(), text.end(), pattern);
}

Organization found_organization(Session& session, const AccountId& management_account, Time now) {
    if (auto organization = find_organization(session)) return *std::move(organization);
    Organization organization{.id = "o-" + random_hex(organization_digits),
                              .root = "r-" + random_hex(root_digits),
                              .management_account = management_account,
                              .created = now};
    run_sql(session,
            "insert into organization"
            " (singleton, organization_id, root_id, management_account, created)"
            " values (1, :id, :root, :management, :created)",
            {{"id", organization.id},
             {"root", organization.root},
             {"management", management_account.str()},
             {"created", to_value(now)}});
    for (const Account& account : list_accounts(session))
        update_arns(session, account.id);
    return organization;
}

std::optional<Organization> find_organization(Session& session) {
    return select_row<OrganizationTable>(session, "", {});
}

Organization get_organization(Session& session) {
    auto organization = find_organization(session);
    if (organization) return *std::move(organization);
    throw Error("AWSOrganizationsNotInUseException", "", "There is no organization yet");
}

OrganizationalUnit create_unit(Session& session, const std::string& parent, const std::string& name,
                               Time now) {
    const auto above = parent_named(session, parent, "ParentNotFoundException");
    check_unit_name(session, above, name, "");
    if (path_of(session, above).size() >= most_levels_of_units) {
        throw Error("ConstraintViolationException", name,
                    fmt::format("Units can be nested {} deep", most_levels_of_units));
    }
    // AWS: the part after ou- is the root's.
    const std::string root = get_organization(session).root.substr(std::string_view("r-").size());
    OrganizationalUnit unit{.id = fmt::format("ou-{}-{}", root, random_hex(unit_digits)),
                            .parent = above,
                            .name = name,
                            .created = now};
    insert_row<UnitTable>(session, unit);
    return unit;
}

OrganizationalUnit get_unit(Session& session, const std::string& id) {
    auto unit = find_unit(session, id);
    if (unit) return *std::move(unit);
    throw Error("OrganizationalUnitNotFoundException", id,
                fmt::format("There is no organizational unit '{}'", id));
}

std::vector<OrganizationalUnit> list_units(Session& session) {
    return select_rows<UnitTable>(session, "order by name, unit_id");
}

void rename_unit(Session& session, const std::string& id, const std::string& name) {
    const OrganizationalUnit unit = get_unit(session, id);
    check_unit_name(session, unit.parent, name, id);
    run_sql(session, "update organizational_units set name = :name where unit_id = :id",
            {{"name", name}, {"id", id}});
}

void delete_unit(Session& session, const std::string& id) {
    get_unit(session, id);
    if (has_rows(session, "select 1 from organizational_units where parent_id = :id", id) ||
        has_rows(session, "select 1 from accounts where unit_id = :id", id)) {
        throw Error("OrganizationalUnitNotEmptyException", id,
                    fmt::format("The unit '{}' has units or accounts in it: move them first", id));
    }
    run_sql(session, "delete from organizational_units where unit_id = :id", {{"id", id}});
}

void move_account(Session& session, const AccountId& account, const std::string& parent) {
    get_account(session, account);
    const auto unit = parent_named(session, parent, "DestinationParentNotFoundException");
    run_sql(session, "update accounts set unit_id = :unit where account_id = :account",
            {{"unit", to_value(unit)}, {"account", account.str()}});
    update_arns(session, account);
}

void update_arns(Session& session, const AccountId& account) {
    run_sql(session, "delete from account_arns where account_id = :account",
            {{"account", account.str()}});
    const auto organization = find_organization(session);
    if (!organization) return;
    add_arn(session, account, organization_arn(*organization));
    for (const std::string& unit : path_of(session, get_account(session, account).unit))
        add_arn(session, account, unit_arn(*organization, unit));
}

}  // namespace kiln::images

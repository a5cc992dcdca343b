#include "api/shapes/account.hpp"

#include <fmt/format.h>

#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/settings.hpp"

namespace kiln::api {

namespace {

using Users = std::multimap<AccountId, uid_t>;

std::string parent_of(const std::optional<std::string>& unit,
                      const std::optional<images::Organization>& organization) {
    if (unit) return *unit;
    return organization ? organization->root : "";
}

AccountView view_of(images::Account account, const Users& users,
                    const std::optional<images::Organization>& organization) {
    AccountView view{.account = std::move(account)};
    view.parent = parent_of(view.account.unit, organization);
    const auto [first, last] = users.equal_range(view.account.id);
    for (auto user = first; user != last; ++user)
        view.users.push_back(user->second);
    return view;
}

}  // namespace

const Structure<AccountView>& account_structure() {
    using View = AccountView;
    static const auto structure =
        Structure<View>()
            .text("Id", "id", [](const View& v) { return v.account.id.str(); })
            .text("Name", "name", [](const View& v) { return v.account.name; })
            .text("Alias", "alias", [](const View& v) { return v.account.alias; })
            .text("Status", "status",
                  [](const View& v) { return std::string(to_text(v.account.state)); })
            .text("ParentId", "parentId", [](const View& v) { return v.parent; })
            .text("JoinedTimestamp", "joinedTimestamp",
                  [](const View& v) { return format_time(v.account.created); })
            .text_list("Uids", "uidSet", [](const View& v) {
                std::vector<std::string> uids;
                uids.reserve(v.users.size());
                for (const uid_t uid : v.users)
                    uids.push_back(std::to_string(uid));
                return uids;
            });
    return structure;
}

AccountView load_account_view(Session& session, const AccountId& id) {
    return view_of(images::get_account(session, id), images::users_of_accounts(session),
                   images::find_organization(session));
}

std::vector<AccountView> load_account_views(Session& session) {
    const Users users = images::users_of_accounts(session);
    const auto organization = images::find_organization(session);
    std::vector<AccountView> views;
    for (images::Account& account : images::list_accounts(session))
        views.push_back(view_of(std::move(account), users, organization));
    return views;
}

const Structure<UnitView>& unit_structure() {
    using View = UnitView;
    static const auto structure =
        Structure<View>()
            .text("Id", "id", [](const View& v) { return v.unit.id; })
            .text("Arn", "arn", [](const View& v) { return v.arn; })
            .text("Name", "name", [](const View& v) { return v.unit.name; })
            .text("ParentId", "parentId", [](const View& v) { return v.parent; });
    return structure;
}

std::vector<UnitView> load_unit_views(Session& session) {
    const auto organization = images::get_organization(session);
    std::vector<UnitView> views;
    for (images::OrganizationalUnit& unit : images::list_units(session)) {
        UnitView view{.unit = std::move(unit)};
        view.arn = images::unit_arn(organization, view.unit.id);
        view.parent = parent_of(view.unit.parent, organization);
        views.push_back(std::move(view));
    }
    return views;
}

Table account_table() {
    return {.columns = {"Id", "Name", "Alias", "Status", "ParentId", "Uids"}};
}

std::vector<uid_t> uids_of(const Arguments& arguments, const Settings& settings) {
    std::vector<uid_t> users;
    for (const std::string& text : arguments.texts("Uid")) {
        const auto uid = parse_user_id(text);
        if (!uid) {
            throw Error(
                error_code::invalid_parameter_value, text,
                fmt::format("Invalid value '{}' for Uid: expecting the number of a user, as "
                            "`id -u NAME` prints it",
                            text));
        }
        if (settings.guest_users && contains(*settings.guest_users, *uid)) {
            throw Error(error_code::invalid_parameter_value, text,
                        fmt::format("Invalid value '{}' for Uid: QEMU runs as it (guest_uids of "
                                    "the configuration)",
                                    text));
        }
        users.push_back(*uid);
    }
    return users;
}

Parameter uids_parameter(const char* help) {
    return {.name = "Uids", .wire = "Uid", .list = true, .help = help};
}

void add_target(Action& action, const char* name, const char* help) {
    action.parameters.insert(action.parameters.begin(),
                             {.name = name, .wire = name, .required = true, .help = help});
    action.parameters.push_back(dry_run_parameter());
}

Action account_action(
    Action action,
    std::function<void(Services&, Session&, const AccountId&, const Arguments&)> change,
    std::function<void(Services&)> afterwards) {
    action.table = account_table();
    return action_on_account<AccountView>(
        std::move(action), account_structure(), std::move(change),
        [](Services&, Session& session, const AccountId& id) {
            return load_account_view(session, id);
        },
        std::move(afterwards));
}

Action unit_action(
    Action action,
    std::function<void(Session&, const std::string& unit, const Arguments&)> change) {
    add_target(action, "OrganizationalUnitId", "The unit");
    return with_handler<Done>(
        std::move(action), done_structure(),
        [change = std::move(change)](Services& services, const images::Caller& caller,
                                     const Arguments& arguments) {
            caller.require_administrator();
            services.database.write([&](Session& session) {
                change(session, arguments.required_text("OrganizationalUnitId"), arguments);
                caller.stop_if_dry_run();
            });
            return Done{};
        });
}

}  // namespace kiln::api

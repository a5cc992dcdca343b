#include "images/catalog/launch_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "images/catalog/table.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t min_name_length = 3;
constexpr std::size_t max_name_length = 128;

struct LaunchTemplateTable {
    static constexpr const char* name = "launch_templates";
    static LaunchTemplate blank() {
        return {.id = placeholder_id<LaunchTemplateId>(), .owner = placeholder_account()};
    }
    static void columns(auto& column, auto& row) {
        column("launch_template_id", row.id);
        column("owner", row.owner);
        column("region", row.region);
        column("name", row.name);
        column("created", row.created);
        column("created_by", row.created_by);
        column("default_version", row.default_version);
        column("latest_version", row.latest_version);
        column("next_version", row.next_version);
    }
};

struct VersionTable {
    static constexpr const char* name = "launch_template_versions";
    static LaunchTemplateVersion blank() {
        return {.launch_template = placeholder_id<LaunchTemplateId>()};
    }
    static void columns(auto& column, auto& row) {
        column("launch_template_id", row.launch_template);
        column("version", row.number);
        column("description", row.description);
        column("created", row.created);
        column("created_by", row.created_by);
        column("parameters", row.parameters);
        column("image_id", row.image);
    }
};

std::optional<LaunchTemplate> find_named(Session& session, const Scope& scope,
                                         const std::string& name) {
    return select_row<LaunchTemplateTable>(
        session, "where owner = :owner and region = :region and name = :name",
        {{"owner", scope.owner.str()}, {"region", scope.region}, {"name", name}});
}

std::int64_t number(Session& session, const char* sql,
                    const std::vector<SqlParameter>& parameters) {
    Statement row(session, sql, parameters, {ColumnType::number});
    row.next();
    return row.number(0);
}

void check_size(const LaunchTemplateVersion& version) {
    if (version.parameters.size() <= max_launch_template_bytes) return;
    throw Error(error_code::invalid_parameter_value, "LaunchTemplateData",
                fmt::format("The launch template's data take {} bytes: at most {} are kept",
                            version.parameters.size(), max_launch_template_bytes));
}

void check_count(Session& session, const LaunchTemplate& made) {
    const std::int64_t there_are = number(
        session, "select count(*) from launch_templates where owner = :owner and region = :region",
        {{"owner", made.owner.str()}, {"region", made.region}});
    if (there_are < max_launch_templates) return;
    throw Error("LaunchTemplateLimitExceeded", made.name,
                fmt::format("an account has at most {} launch templates in a region: delete some",
                            max_launch_templates));
}

void check_version_counts(Session& session, const LaunchTemplate& of) {
    const std::int64_t of_template = number(
        session, "select count(*) from launch_template_versions where launch_template_id = :id",
        {{"id", of.id.str()}});
    if (of_template >= max_launch_template_versions) {
        throw Error("VersionLimitExceeded", of.id.str(),
                    fmt::format("a launch template has at most {} versions: delete some",
                                max_launch_template_versions));
    }
    const std::int64_t of_account =
        number(session,
               "select count(*) from launch_templates"
               " join launch_template_versions using (launch_template_id)"
               " where owner = :owner and region = :region",
               {{"owner", of.owner.str()}, {"region", of.region}});
    if (of_account < max_launch_template_versions_of_account) return;
    throw Error("VersionLimitExceeded", of.id.str(),
                fmt::format("the launch templates of an account have at most {} versions in a "
                            "region: delete some",
                            max_launch_template_versions_of_account));
}

}  // namespace

std::string launch_template_version_name(const LaunchTemplateId& of, std::int64_t number) {
    return fmt::format("{} {}", of.str(), number);
}

void check_launch_template_name(const std::string& name) {
    const auto is_allowed = [](unsigned char c) {
        return std::isalnum(c) != 0 ||
               std::string_view("().-/_").find(static_cast<char>(c)) != std::string_view::npos;
    };
    const bool is_name = name.size() >= min_name_length && name.size() <= max_name_length &&
                         std::ranges::all_of(name, is_allowed);
    if (is_name) return;
    throw Error("InvalidLaunchTemplateName.MalformedException", name,
                fmt::format("Invalid launch template name '{}': expecting {} to {} letters, digits "
                            "and ( ) . - / _",
                            name, min_name_length, max_name_length));
}

void insert_launch_template(Session& session, const LaunchTemplate& made,
                            const LaunchTemplateVersion& first) {
    if (find_named(session, {.owner = made.owner, .region = made.region}, made.name)) {
        throw Error("InvalidLaunchTemplateName.AlreadyExistsException", made.name,
                    fmt::format("Launch template name already in use: '{}'.", made.name));
    }
    check_count(session, made);
    check_version_counts(session, made);
    check_size(first);
    insert_row<LaunchTemplateTable>(session, made);
    insert_row<VersionTable>(session, first);
}

LaunchTemplate get_launch_template(Session& session, const Scope& scope,
                                   const LaunchTemplateId& id) {
    auto found = select_row<LaunchTemplateTable>(
        session, "where launch_template_id = :id and owner = :owner and region = :region",
        {{"id", id.str()}, {"owner", scope.owner.str()}, {"region", scope.region}});
    if (!found) throw launch_template_not_found(id);
    return *std::move(found);
}

Error launch_template_not_found(const LaunchTemplateId& id) {
    return {"InvalidLaunchTemplateId.NotFound", id.str(),
            fmt::format("The specified launch template, with template ID {}, does not exist.",
                        id.str())};
}

LaunchTemplate get_launch_template(Session& session, const Scope& scope, const std::string& name) {
    auto found = find_named(session, scope, name);
    if (!found) throw launch_template_not_found(name);
    return *std::move(found);
}

Error launch_template_not_found(const std::string& name) {
    return {
        "InvalidLaunchTemplateName.NotFoundException", name,
        fmt::format("The specified launch template, with template name {}, does not exist.", name)};
}

std::vector<LaunchTemplate> list_launch_templates(Session& session, const Scope& scope) {
    return select_rows<LaunchTemplateTable>(
        session, "where owner = :owner and region = :region order by name",
        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

void update_launch_template(Session& session, const LaunchTemplate& changed) {
    update_row<LaunchTemplateTable>(session, changed);
}

void delete_launch_template(Session& session, const LaunchTemplateId& id) {
    run_sql(session, "delete from launch_templates where launch_template_id = :id",
            {{"id", id.str()}});
    run_sql(session,
            "delete from client_tokens where resource_id = :id or resource_id like :versions",
            {{"id", id.str()}, {"versions", id.str() + " %"}});
    delete_all_tags(session, id.str());
}

LaunchTemplateVersion add_launch_template_version(Session& session, LaunchTemplate of,
                                                  LaunchTemplateVersion version) {
    check_size(version);
    check_version_counts(session, of);
    version.number = of.next_version++;
    of.latest_version = version.number;
    insert_row<VersionTable>(session, version);
    update_launch_template(session, of);
    return version;
}

LaunchTemplateVersion get_launch_template_version(Session& session, const LaunchTemplate& of,
                                                  const std::string& version) {
    const std::int64_t number = launch_template_version_number(of, version);
    auto found =
        select_row<VersionTable>(session, "where launch_template_id = :id and version = :version",
                                 {{"id", of.id.str()}, {"version", number}});
    if (found) return *std::move(found);
    throw Error(
        "InvalidLaunchTemplateId.VersionNotFound", version,
        fmt::format("Could not find launch template version {} of {}", number, of.id.str()));
}

std::vector<std::int64_t> launch_template_version_numbers(Session& session,
                                                          const LaunchTemplateId& of) {
    Statement rows(session,
                   "select version from launch_template_versions where launch_template_id = :id"
                   " order by version desc",
                   {{"id", of.str()}}, {ColumnType::number});
    std::vector<std::int64_t> numbers;
    while (rows.next())
        numbers.push_back(rows.number(0));
    return numbers;
}

std::int64_t launch_template_version_number(const LaunchTemplate& of, const std::string& version) {
    if (version.empty() || version == "$Default") return of.default_version;
    if (version == "$Latest") return of.latest_version;
    std::int64_t number = 0;
    const char* end = version.data() + version.size();
    const auto [rest, error] = std::from_chars(version.data(), end, number);
    if (error == std::errc() && rest == end && number > 0) return number;
    throw Error(error_code::invalid_parameter_value, version,
                fmt::format("Invalid launch template version '{}': expecting a number, $Latest or "
                            "$Default",
                            version));
}

std::vector<LaunchTemplateImage> launch_template_images(Session& session, const Scope& scope,
                                                        std::int64_t depth) {
    Statement rows(session,
                   "select distinct launch_template_id, image_id from"
                   " (select launch_template_id, image_id, row_number() over"
                   "   (partition by launch_template_id order by version desc) as place"
                   "  from launch_templates"
                   "  join launch_template_versions using (launch_template_id)"
                   "  where owner = :owner and region = :region) as versions"
                   " where place <= :depth and image_id <> ''"
                   " order by launch_template_id, image_id",
                   {{"owner", scope.owner.str()}, {"region", scope.region}, {"depth", depth}},
                   {ColumnType::text, ColumnType::text});
    std::vector<LaunchTemplateImage> images;
    while (rows.next())
        images.push_back(
            {.launch_template = LaunchTemplateId(rows.text(0)), .image = rows.text(1)});
    return images;
}

void delete_launch_template_version(Session& session, LaunchTemplate of, std::int64_t number) {
    if (number == of.default_version) {
        throw Error("OperationNotPermitted", of.id.str(),
                    fmt::format("The default version {} of a launch template cannot be deleted: "
                                "make another version the default first",
                                number));
    }
    run_sql(session,
            "delete from launch_template_versions"
            " where launch_template_id = :id and version = :version",
            {{"id", of.id.str()}, {"version", number}});
    run_sql(session, "delete from client_tokens where resource_id = :version",
            {{"version", launch_template_version_name(of.id, number)}});
    of.latest_version = launch_template_version_numbers(session, of.id).front();
    update_launch_template(session, of);
}

}  // namespace kiln::images

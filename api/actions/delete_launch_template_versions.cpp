#include "api/action.hpp"
#include "api/shapes/launch_template.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

struct Outcome {
    images::LaunchTemplate of;
    std::int64_t number = 0;
    std::string code = {};  // empty: it is deleted
    std::string message = {};
};

struct Result {
    std::vector<Outcome> deleted;
    std::vector<Outcome> refused;
};

Structure<Outcome> outcome_structure() {
    return Structure<Outcome>()
        .text("LaunchTemplateId", "launchTemplateId",
              [](const Outcome& o) { return o.of.id.str(); })
        .text("LaunchTemplateName", "launchTemplateName",
              [](const Outcome& o) { return o.of.name; })
        .integer("VersionNumber", "versionNumber", [](const Outcome& o) { return o.number; });
}

Structure<Result> output() {
    const auto error = Structure<Outcome>()
                           .text("Code", "code", [](const Outcome& o) { return o.code; })
                           .text("Message", "message", [](const Outcome& o) { return o.message; });
    return Structure<Result>()
        .list(
            "SuccessfullyDeletedLaunchTemplateVersions",
            "successfullyDeletedLaunchTemplateVersionSet", outcome_structure(),
            [](const Result& r) -> const auto& { return r.deleted; })
        .list(
            "UnsuccessfullyDeletedLaunchTemplateVersions",
            "unsuccessfullyDeletedLaunchTemplateVersionSet",
            outcome_structure().structure("ResponseError", "responseError", error,
                                          [](const Outcome& o) { return o; }),
            [](const Result& r) -> const auto& { return r.refused; });
}

/// EC2's words for it, which stand in no exception.
std::string word_of(const std::string& code) {
    return code == "OperationNotPermitted" ? "unexpectedError"
                                           : "launchTemplateVersionDoesNotExist";
}

void delete_one(Session& session, const images::LaunchTemplate& of, const std::string& version,
                Result& result) {
    Outcome outcome{.of = of};
    try {
        outcome.number = images::get_launch_template_version(session, of, version).number;
        images::delete_launch_template_version(session, of, outcome.number);
    } catch (const Error& error) {
        if (error.code() == error_code::invalid_parameter_value) throw;
        outcome.code = word_of(error.code());
        outcome.message = error.what();
    }
    (outcome.code.empty() ? result.deleted : result.refused).push_back(std::move(outcome));
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    return services.database.write([&](Session& session) {
        Result result;
        const LaunchTemplateId id = launch_template_of(session, caller, arguments).id;
        for (const std::string& version : arguments.texts("LaunchTemplateVersion")) {
            const auto of = images::get_launch_template(session, caller.scope(), id);
            delete_one(session, of, version, result);
        }
        caller.stop_if_dry_run();
        return result;
    });
}

}  // namespace

Action delete_launch_template_versions() {
    std::vector<Parameter> parameters = launch_template_name_parameters();
    parameters.push_back({.name = "Versions",
                          .wire = "LaunchTemplateVersion",
                          .list = true,
                          .required = true,
                          .help = "Versions to delete; the default one stays"});
    parameters.push_back(dry_run_parameter());
    return with_handler<Result>(
        {.name = "DeleteLaunchTemplateVersions",
         .summary = "Delete versions of a launch template",
         .example = "kiln delete-launch-template-versions --launch-template-name web --versions 1",
         .parameters = std::move(parameters),
         .table = {.rows = "SuccessfullyDeletedLaunchTemplateVersions",
                   .columns = {"LaunchTemplateId", "LaunchTemplateName", "VersionNumber"}}},
        output(), handle);
}

}  // namespace kiln::api

#include "cli/service/service.hpp"

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "cli/output/field_path.hpp"
#include "cli/service/autostart.hpp"

namespace kiln::cli {

namespace {

bool may_start() {
    return environment_variable("KILN_NO_AUTOSTART") != "1";
}

bool lets_this_user_in(const std::filesystem::path& socket) {
    try {
        return api::Client(socket).answers();
    } catch (const Error&) {
        return false;  // root's own, perhaps
    }
}

Settings settings_for_this_user() {
    Settings settings = load_settings();
    if (settings.machine_socket && lets_this_user_in(*settings.machine_socket)) {
        settings.socket = *settings.machine_socket;
    }
    return settings;
}

api::ClientIdentity identity_for(const CommandLine& line, const Settings& settings) {
    return {
        .account = line.value("account").value_or(environment_variable("KILN_ACCOUNT")),
        .region = line.value("region").value_or(settings.region_is_chosen ? settings.region : "")};
}

}  // namespace

std::vector<Option> with_service_options(std::vector<Option> options) {
    options.push_back(
        {.name = "region",
         .placeholder = "NAME",
         .help = "The region to work in; default: KILN_REGION, else the service's own"});
    options.push_back({.name = "account",
                       .placeholder = "ID",
                       .help = "As an administrator: the account to act as, by its id or alias; "
                               "default: KILN_ACCOUNT, else your own"});
    return options;
}

Service::Service(const CommandLine& line)
    : settings_(settings_for_this_user()),
      client_(settings_.socket, identity_for(line, settings_)) {}

void Service::require() {
    if (!client_.answers() && may_start()) start_service(settings_, client_);
}

api::Reply Service::call(const std::string& action, const api::WirePairs& pairs) {
    require();
    try {
        return client_.call(action, pairs);
    } catch (const Error& error) {
        if (error.code() == api::service_unavailable) throw;
        throw Error(error.code(), error.resource(),
                    fmt::format("{} failed: {}: {}", action, error.code(), error.message()));
    }
}

std::uint64_t Service::send_piece(const std::string& upload_id, std::uint64_t offset,
                                  std::string piece) {
    require();
    return client_.send_piece(upload_id, offset, std::move(piece));
}

std::string Service::download_export(const std::string& task, std::uint64_t offset,
                                     std::uint64_t size) {
    return client_.download_export(task, offset, size);
}

api::ConsoleConnection Service::open_console(const std::string& instance_id) {
    require();
    return client_.open_console(instance_id);
}

const api::Action& action_named(const std::string& name) {
    const api::Action* action = api::find_action(name);
    if (action != nullptr) return *action;
    throw Error(error_code::internal_error, name,
                fmt::format("this kiln has no action '{}'", name));
}

std::string reply_text(const std::string& action, const api::Reply& reply,
                       const std::string& path) {
    return text_at(reply.root(), *action_named(action).output, path);
}

}  // namespace kiln::cli

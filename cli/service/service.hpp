#pragma once

#include <string>
#include <vector>

#include "api/action.hpp"
#include "api/client/client.hpp"
#include "base/settings.hpp"
#include "cli/options/option.hpp"

namespace kiln::cli {

/// The service as the commands use it: started when none answers, unless KILN_NO_AUTOSTART is 1.
class Service {
  public:
    /// Reads the settings; throws Error for a broken configuration. The region is the one of the
    /// option, else of the settings, else the service's own; the account the one of the option,
    /// else of KILN_ACCOUNT, else the user's own.
    explicit Service(const CommandLine& line);

    const Settings& settings() const { return settings_; }

    /// Throws Error with the service's code and "RunInstances failed: CODE: message".
    api::Reply call(const std::string& action, const api::WirePairs& pairs);
    /// How many bytes of the upload's file are there then.
    std::uint64_t send_piece(const std::string& upload_id, std::uint64_t offset, std::string piece);
    /// Bytes of an export's file. See api::Client.
    std::string download_export(const std::string& task, std::uint64_t offset, std::uint64_t size);
    api::ConsoleConnection open_console(const std::string& instance_id);
    /// Throws Error{ServiceUnavailable} when there is none and none can be started.
    void require();

  private:
    Settings settings_;
    api::Client client_;
};

/// A command's own options and those of every command that calls the service: --region and
/// --account.
std::vector<Option> with_service_options(std::vector<Option> options);

/// The action of that name. It is our bug when there is none.
const api::Action& action_named(const std::string& name);

/// The first text at a path of SDK names in the reply of an action.
std::string reply_text(const std::string& action, const api::Reply& reply, const std::string& path);

}  // namespace kiln::cli

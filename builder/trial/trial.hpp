#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "builder/offline/private_directory.hpp"
#include "builder/stages/workshop.hpp"
#include "builder/trial/guest_shell.hpp"
#include "builder/trial/patience.hpp"
#include "images/catalog/instance.hpp"
#include "launcher/instances/requests.hpp"

namespace kiln {
class Database;
}
namespace kiln::launcher {
class Launcher;
class Regions;
}  // namespace kiln::launcher

namespace kiln::builder {

/// What several trials have in common.
struct TrialTools {
    Database& database;
    launcher::Launcher& launcher;
    const launcher::Regions& regions;
    std::filesystem::path directory;  // the service's own: for keys
};

struct TrialLaunchOptions {
    std::string user_data;            // as it is; empty: none
    std::string login_user;           // empty: the image's
    bool is_asked_for_pages = false;  // the host reaches all ports
};

/// A throw-away instance of an image that is being made, with a key of its own. It carries a tag by
/// which the next start of the service finds it, should this one crash. One thread.
class Trial {
  public:
    /// Launches it and waits until it runs. Throws as RunInstances, and Error{Canceled}.
    Trial(TrialTools tools, TrialSpec spec, const TrialLaunchOptions& options);
    /// Ends it, unless it was kept.
    ~Trial();
    Trial(const Trial&) = delete;
    Trial& operator=(const Trial&) = delete;

    const InstanceId& instance() const { return *instance_; }
    /// Waits until scripts can be run in it: through its agent, or by ssh. Throws
    /// Error{BuildFailed} with the end of its console when that takes too long.
    GuestShell& shell();
    struct Place {
        std::string host;
        std::uint16_t port = 0;
    };
    /// Where the host reaches that port of the guest.
    Place place_of(std::uint16_t port) const;
    /// Shuts it down and returns the layer of its root, frozen, which the operation pins now.
    LayerId take_root_layer();
    /// It is not ended: somebody wants to look at it.
    void keep();
    /// Terminates it and waits until nothing of it is left.
    void end();

  private:
    void launch(const TrialLaunchOptions& options);
    SecurityGroupId open_group();
    void wait_for(images::InstanceState state, const std::string& what) const;
    images::Instance now() const;
    std::unique_ptr<GuestShell> try_agent();
    std::unique_ptr<GuestShell> try_ssh();
    Error unreachable() const;

    TrialTools tools_;
    TrialSpec spec_;
    PrivateDirectory directory_;
    std::string login_user_;
    std::optional<SecurityGroupId> group_;
    std::optional<InstanceId> instance_;
    std::unique_ptr<GuestShell> shell_;
};

/// Terminates what trials of an earlier service have left, and removes their security groups, until
/// a stop. Takes as long as that does. Once, when the launcher has recovered, and before a trial
/// begins.
void end_abandoned_trials(const TrialTools& tools, const std::stop_token& stop);

}  // namespace kiln::builder

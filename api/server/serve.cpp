#include "api/server/serve.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "api/action.hpp"
#include "api/metadata/metadata_server.hpp"
#include "api/server/audit_log.hpp"
#include "api/server/callers.hpp"
#include "api/server/dispatcher.hpp"
#include "api/server/endpoint.hpp"
#include "api/server/file_piece.hpp"
#include "api/server/image_mentions.hpp"
#include "api/server/server.hpp"
#include "api/server/signed_requests.hpp"
#include "api/server/state_directory.hpp"
#include "api/services.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/secret_box.hpp"
#include "builder/builder.hpp"
#include "builder/export/exports.hpp"
#include "builder/import/importer.hpp"
#include "builder/sealing/image_sealer.hpp"
#include "builder/stages/host_workshop.hpp"
#include "builder/tasks/task_threads.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "hypervisor/domain/architecture.hpp"
#include "hypervisor/hypervisor.hpp"
#include "images/accounts/account.hpp"
#include "images/accounts/organization.hpp"
#include "images/bundles/directory_object_store.hpp"
#include "images/catalog/migrations.hpp"
#include "launcher/launcher.hpp"
#include "launcher/metadata/instance_metadata.hpp"
#include "launcher/network/networks.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::api {

namespace {

constexpr mode_t private_files = 0077;

log::Level log_level_of(Verbosity verbosity) {
    switch (verbosity) {
        case Verbosity::quiet:
            return log::Level::warning;
        case Verbosity::normal:
            return log::Level::info;
        case Verbosity::verbose:
            return log::Level::debug;
    }
    std::abort();
}

SignatureLimits limits_of(const EndpointSettings& settings) {
    constexpr double seconds_of_rest = 4;
    const auto rate = static_cast<double>(settings.requests_per_second);
    return {.clock_skew = settings.clock_skew,
            .rate = {.per_second = rate, .burst = rate * seconds_of_rest},
            .at_once = threads_of_account(EndpointOptions().limits)};
}

/// nullptr when none is asked for.
std::unique_ptr<Endpoint> open_endpoint(const EndpointSettings& settings,
                                        SignedRequests& signed_requests) {
    if (!settings.listen) return nullptr;
    EndpointOptions options{.address = settings.listen->address, .port = settings.listen->port};
    if (!settings.tls_certificate.empty())
        options.tls = {.certificate = settings.tls_certificate, .key = settings.tls_key};
    auto endpoint = std::make_unique<Endpoint>(
        options, [&](const sigv4::Request& request) { return signed_requests.answer(request); });
    log::info("answers signed requests at {}://{}", options.tls ? "https" : "http",
              authority({.address = options.address, .port = endpoint->port()}));
    if (!options.tls && !is_loopback(*settings.listen))
        log::warn("others can read what is asked and answered at {}: use tls_cert and tls_key",
                  options.address);
    return endpoint;
}

/// All that the service is made of, in the order in which it is made.
class Service {
  public:
    Service(const Settings& settings, const StateDirectory& directory)
        : settings_(settings),
          directory_(directory),
          database_(directory.catalog().string()),
          catalog_id_(migrated_identity(database_)),
          secrets_(directory.secrets_key()),
          regions_({.database = database_,
                    .settings = settings_,
                    .clock = clock_,
                    .connect = hypervisor::connect}),
          store_(directory.objects()),
          accelerators_(hypervisor::choose_accelerators(directory.accelerator_verdict())),
          metadata_(database_, clock_, directory.identity_keys()),
          metadata_server_([this](const std::string& region, Ipv4Address peer,
                                  const launcher::MetadataRequest& request) {
              return metadata_.answer(region, peer, request);
          }),
          launcher_({.settings = settings_,
                     .clock = clock_,
                     .database = database_,
                     .regions = regions_,
                     .store = store_,
                     .accelerators = accelerators_,
                     .catalog_id = catalog_id_}),
          workshop_({.offline = {.directory = directory.offline(),
                                 .use_kvm = accelerators_.host_uses_kvm()},
                     .trial = {.database = database_,
                               .launcher = launcher_,
                               .regions = regions_,
                               .directory = directory.offline()}}),
          builder_({.database = database_,
                    .regions = regions_,
                    .clock = clock_,
                    .work_directory = directory.builds(),
                    .free_space_reserve = settings.free_space_reserve,
                    .workshop = workshop_,
                    .cache_size = settings.build_cache_size}),
          importer_({.database = database_,
                     .regions = regions_,
                     .store = store_,
                     .accelerators = accelerators_,
                     .clock = clock_,
                     .free_space_reserve = settings.free_space_reserve}),
          sealer_({.database = database_,
                   .regions = regions_,
                   .clock = clock_,
                   .free_space_reserve = settings.free_space_reserve,
                   .seal = builder::sealing_in_appliance(directory.offline(),
                                                         accelerators_.host_uses_kvm())}),
          exports_({.database = database_,
                    .regions = regions_,
                    .store = store_,
                    .accelerators = accelerators_,
                    .clock = clock_,
                    .threads = task_threads_,
                    .free_space_reserve = settings.free_space_reserve}),
          services_{.settings = settings_,
                    .clock = clock_,
                    .secrets = secrets_,
                    .database = database_,
                    .regions = regions_,
                    .accelerators = accelerators_,
                    .launcher = launcher_,
                    .builder = builder_,
                    .importer = importer_,
                    .sealer = sealer_,
                    .exports = exports_} {
        for (const hypervisor::AcceleratorVerdict& verdict : accelerators_.all())
            log::info("guests of {}: {}", hypervisor::ec2_name(verdict.architecture),
                      verdict.reason);
        found_organization();
        store_.remove_unfinished();
        builder_.recover();
        launcher_.set_network_listener([this](const launcher::LiveNetwork& network) {
            metadata_.prepare(network.region);
            metadata_server_.serve_bridge(network.region, network.bridge);
        });
        launcher_.recover();
        importer_.recover();  // when the pools are what the catalog says
        std::filesystem::remove_all(directory_.offline());  // what a crash left
        sealer_.recover();
        workshop_.recover();
        task_threads_.start();
    }

    void run(const SocketAccess& access, const EndpointSettings& endpoint_settings) {
        const Dispatcher dispatcher(
            actions(),
            [this](const Action& action, const images::Caller& caller, const Arguments& arguments,
                   XmlWriter& response) {
                directory_.check_still_there();
                if (action.service == &ec2_service) regions_.get(caller.region);
                action.handle(services_, caller, arguments, response);
            },
            audit_log(database_, clock_), resolve_images_by(database_, settings_),
            [this](const images::Caller& caller, const DownloadRequest& wanted) {
                return exports_.read(caller, images::ExportTaskId(wanted.task),
                                     {.offset = {wanted.offset}, .length = {wanted.size}});
            });
        const std::string& home_region = regions_.home().name;
        SignedRequests signed_requests({.database = database_,
                                        .clock = clock_,
                                        .secrets = secrets_,
                                        .dispatcher = dispatcher,
                                        .limits = limits_of(endpoint_settings)});
        // Before the server: whose stop is its stop, and whose socket says that all is well.
        auto endpoint = open_endpoint(endpoint_settings, signed_requests);
        const Callers callers(database_, clock_, home_region, settings_.guest_users);
        Server server(
            {.socket = settings_.socket, .access = access},
            {.dispatcher = dispatcher,
             .caller_of = [&](const CallerClaim& claim) { return callers.identify(claim); },
             .refused_caller_of =
                 [&](const CallerClaim& claim) { return callers.own_account(claim); },
             .open_console =
                 [this](const images::Caller& caller, const std::string& id,
                        hypervisor::ConsoleCallbacks callbacks) {
                     return launcher_.open_console(caller, InstanceId(id), std::move(callbacks));
                 },
             .take_piece =
                 [this](const images::Caller& caller, const Request& request) {
                     directory_.check_still_there();
                     return take_piece(importer_.uploads(), caller, request);
                 },
             .on_stop =
                 [&] {
                     if (endpoint) endpoint->stop();
                     launcher_.prepare_stop();
                     importer_.prepare_stop();
                 }});
        server.stop_on_signals();
        log::info("kiln {} serves {} from {} on {}", KILN_VERSION, home_region,
                  settings_.state_directory.string(), settings_.socket.string());
        const StateDirectoryWatch watch(directory_, [&server] { server.stop(); });
        server.run();
        endpoint.reset();
        log::info("stopping; guests go on");
        launcher_.remove_unused_networks();
        directory_.check_still_there();  // a service that ends because it is gone has failed
    }

  private:
    static std::string migrated_identity(Database& database) {
        database.migrate(images::migrations());
        return images::catalog_identity(database);
    }

    /// The account of the user that the service runs as manages the organization.
    void found_organization() {
        const AccountId own = images::account_of_uid(database_, ::geteuid(), clock_.now());
        database_.write(
            [&](Session& session) { images::found_organization(session, own, clock_.now()); });
    }

    const Settings& settings_;
    const StateDirectory& directory_;
    SystemClock clock_;
    Database database_;
    std::string catalog_id_;
    SecretBox secrets_;
    launcher::Regions regions_;
    images::DirectoryObjectStore store_;
    hypervisor::Accelerators accelerators_;
    launcher::InstanceMetadata metadata_;
    MetadataServer metadata_server_;
    launcher::Launcher launcher_;
    builder::HostWorkshop workshop_;
    builder::Builder builder_;
    builder::Importer importer_;
    builder::ImageSealer sealer_;
    builder::TaskThreads task_threads_;
    builder::Exports exports_;
    Services services_;
};

/// The PATH of Debian's ordinary users lacks where mke2fs, sfdisk and depmod are.
void add_system_programs_to_path() {
    // NOLINTBEGIN(concurrency-mt-unsafe): there are no threads yet
    const char* path = std::getenv("PATH");
    const std::string all =
        std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin";
    ::setenv("PATH", all.c_str(), 1);
    // NOLINTEND(concurrency-mt-unsafe)
}

}  // namespace

int serve(const Settings& settings, const ServeOptions& options) {
    log::open_service_log(log_level_of(options.verbosity));
    add_system_programs_to_path();
    ::umask(private_files);
    const StateDirectory directory(settings.state_directory);
    const SocketAccess access = socket_access_for(settings.socket_users);
    Service(settings, directory).run(access, options.endpoint);
    return 0;
}

}  // namespace kiln::api

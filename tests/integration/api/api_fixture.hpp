#pragma once

#include <pugixml.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "api/protocol/query.hpp"
#include "api/server/dispatcher.hpp"
#include "api/server/image_mentions.hpp"
#include "api/services.hpp"
#include "base/secret_box.hpp"
#include "builder/builder.hpp"
#include "builder/export/exports.hpp"
#include "builder/import/importer.hpp"
#include "builder/sealing/image_sealer.hpp"
#include "builder/tasks/task_threads.hpp"
#include "images/accounts/account.hpp"
#include "images/accounts/organization.hpp"
#include "tests/fakes/fake_workshop.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::api::tests {

/// The real actions over a launcher, a builder and a catalog; only the host has no guests.
class ApiFixture : public kiln::tests::LauncherFixture {
  protected:
    /// Its caller manages the organization.
    ApiFixture() {
        write([&](Session& session) {
            images::insert_account(session,
                                   {.id = caller().account, .name = "owner", .created = now()});
            images::insert_account(session, {.id = stranger().owner,
                                             .name = "stranger",
                                             .created = now() + std::chrono::seconds(1)});
            images::found_organization(session, caller().account, now());
        });
    }

    struct Answer {
        unsigned status = 0;
        std::string code;  // of the error, or empty
        pugi::xml_document document;

        pugi::xml_node root() const { return document.first_child(); }
        /// The texts that an XPath query finds.
        std::vector<std::string> texts(const std::string& query) const {
            std::vector<std::string> found;
            for (const pugi::xpath_node place : document.select_nodes(query.c_str()))
                found.emplace_back(place.node().child_value());
            return found;
        }
        std::string text(const std::string& query) const {
            const auto found = texts(query);
            return found.empty() ? "" : found.front();
        }
        std::string printed() const {
            std::ostringstream text;
            document.save(text, "  ");
            return text.str();
        }
    };

    Answer send(const std::string& action, WirePairs pairs = {}) {
        pairs.insert(pairs.begin(), {"Action", action});
        const Response response = dispatcher_.dispatch(
            {.method = "POST", .target = "/", .body = encode_query(pairs)}, sender_);
        if (response.noted) response.noted->wait();
        Answer answer{.status = response.status};
        answer.document.load_string(response.body.c_str());
        answer.code = answer.text("/Response/Errors/Error/Code");
        return answer;
    }
    /// Expects that it succeeds.
    Answer done(const std::string& action, const WirePairs& pairs = {}) {
        Answer answer = send(action, pairs);
        EXPECT_EQ(answer.code, "") << action << "\n" << answer.printed();
        return answer;
    }

    /// Of DescribeImages: none of kiln's kernels.
    static WirePairs images_alone() {
        return {{"Filter.9.Name", "image-type"}, {"Filter.9.Value.1", "machine"}};
    }

    builder::Importer& importer() { return importer_; }
    kiln::tests::FakeWorkshop& workshop() { return workshop_; }
    builder::Builder& builder() { return builder_; }
    /// Bytes of an export's file, or the response that refuses them.
    Response download(const std::string& target, const std::string& method = "GET") {
        Response response = dispatcher_.dispatch({.method = method, .target = target}, sender_);
        if (response.noted) response.noted->wait();
        return response;
    }
    /// From now on tasks are done that take long.
    void start_tasks() { task_threads_.start(); }
    void settle_tasks() { task_threads_.wait_until_idle(); }

    const Dispatcher& dispatcher() const { return dispatcher_; }
    const SecretBox& secrets() const { return secrets_; }

    /// From now on that account sends.
    void become(const std::string& account, bool administrator = false) {
        sender_.account = AccountId(account);
        sender_.administrator = administrator;
    }
    void become_stranger() { become(stranger().owner.str()); }
    void become_owner() { become(caller().account.str(), true); }
    /// From now on requests are audited.
    void write_events_to(Audit audit) { audit_ = std::move(audit); }
    /// From now on requests are for that region.
    void go_to(const std::string& region) { sender_.region = region; }

  private:
    images::Caller sender_{
        .account = caller().account, .region = caller().region, .administrator = true};
    SystemClock builder_clock_;
    kiln::tests::FakeWorkshop workshop_;
    builder::Builder builder_{{.database = database(),
                               .regions = regions(),
                               .clock = builder_clock_,
                               .work_directory = directory() / "builds",
                               .free_space_reserve = Bytes::mebibytes(1),
                               .workshop = workshop_,
                               .cache_size = Bytes::gibibytes(1)}};
    /// Leaves disks as they are.
    builder::ImageSealer sealer_{{.database = database(),
                                  .regions = regions(),
                                  .clock = builder_clock_,
                                  .free_space_reserve = Bytes::mebibytes(1),
                                  .seal = [](const builder::OfflineDiskSpec&, bool) {}}};
    hypervisor::Accelerators accelerators_ = kiln::tests::emulating_all();
    builder::Importer importer_{{.database = database(),
                                 .regions = regions(),
                                 .store = store(),
                                 .accelerators = accelerators_,
                                 .clock = builder_clock_,
                                 .free_space_reserve = Bytes::mebibytes(1)}};
    builder::TaskThreads task_threads_;
    builder::Exports exports_{{.database = database(),
                               .regions = regions(),
                               .store = store(),
                               .accelerators = accelerators_,
                               .clock = builder_clock_,
                               .threads = task_threads_,
                               .free_space_reserve = Bytes::mebibytes(1)}};
    SecretBox secrets_{directory() / "secrets.key"};
    Services services_{.settings = settings(),
                       .clock = builder_clock_,
                       .secrets = secrets_,
                       .database = database(),
                       .regions = regions(),
                       .accelerators = accelerators_,
                       .launcher = launcher(),
                       .builder = builder_,
                       .importer = importer_,
                       .sealer = sealer_,
                       .exports = exports_};
    Audit audit_ = [](const AuditedRequest&) {
        Completion noted;
        noted.end();
        return noted;
    };
    Dispatcher dispatcher_{
        actions(),
        [this](const Action& action, const images::Caller& caller, const Arguments& arguments,
               XmlWriter& response) { action.handle(services_, caller, arguments, response); },
        [this](const AuditedRequest& request) { return audit_(request); },
        resolve_images_by(database(), settings()),
        [this](const images::Caller& caller, const DownloadRequest& wanted) {
            return exports_.read(caller, images::ExportTaskId(wanted.task),
                                 {.offset = {wanted.offset}, .length = {wanted.size}});
        }};
};

}  // namespace kiln::api::tests

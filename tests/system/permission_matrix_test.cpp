#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>

#include "api/client/client.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/places.hpp"
#include "tests/system/kiln_host.hpp"
#include "tests/system/signed_client.hpp"

namespace kiln::tests {

namespace {

constexpr uid_t owner_uid = 30'001;
constexpr uid_t account_uid = 30'002;

/// This thread is that user as long as it lives: files and sockets take it for them.
class As {
  public:
    explicit As(uid_t uid) { become(uid); }
    ~As() { become(0); }
    As(const As&) = delete;
    As& operator=(const As&) = delete;

  private:
    /// The C library's function would be for all threads.
    static void become(uid_t uid) {
        if (::syscall(SYS_setresuid, -1, uid, -1) != 0) throw system_error("become another user");
    }
};

/// Who asks: a user of the machine, or root as an account.
struct Asker {
    uid_t uid = 0;
    std::string account = {};  // empty: the user's own
    AccessKey key = {};        // of that account; empty: an administrator's requests are not signed
};

/// How the requests of the matrix come to the service.
enum class Way { socket, endpoint };

/// A line of tests/permissions/matrix.csv: a request, and what comes of it for each relation of
/// the asker to what it names. "ok": it would succeed; else the error's code.
struct Row {
    std::string action;
    std::string request;  // "Name=value Name=value"
    std::map<std::string, std::string> expected;
};

std::vector<Row> load_matrix() {
    std::vector<std::string> lines = split(
        read_file(std::string(places::source_directory) + "/tests/permissions/matrix.csv"), '\n');
    const std::vector<std::string> headings = split(lines.front(), ',');
    std::vector<Row> rows;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        if (lines[i].empty()) continue;
        const std::vector<std::string> cells = split(lines[i], ',');
        Row row{.action = cells.at(0), .request = cells.at(1)};
        for (std::size_t column = 2; column < headings.size(); ++column)
            row.expected[headings[column]] = cells.at(column);
        rows.push_back(std::move(row));
    }
    return rows;
}

/// An owner who has shared an image and its snapshot with an account, the image with a unit, and
/// others with all; and accounts of every relation to them. Owner and account are users of the
/// machine.
class PermissionMatrixTest : public testing::Test {
  protected:
    PermissionMatrixTest() : host_("tiny") {
        host_.configure(listen_to_signed_requests);
        host_.start_service();
        std::filesystem::permissions(host_.socket(), std::filesystem::perms{0666});
        make_accounts();
        make_resources();
    }

    bool can_ask(const std::string& relation, Way way) const {
        return way == Way::socket || !askers_.at(relation).key.id.empty();
    }
    std::string outcome(const Row& row, const std::string& relation, Way way) const {
        api::WirePairs pairs{{"DryRun", "true"}};
        for (const std::string& pair : split(row.request, ' ')) {
            const auto equals = pair.find('=');
            pairs.emplace_back(pair.substr(0, equals), filled(pair.substr(equals + 1), relation));
        }
        try {
            const Asker& asker = askers_.at(relation);
            if (way == Way::socket)
                ask(asker, row.action, pairs);
            else
                call_signed(asker.key, row.action, pairs);
        } catch (const Error& error) {
            return error.code() == "DryRunOperation" ? "ok" : error.code();
        }
        return "it was done, though it was only asked";
    }

  private:
    std::string new_account(const std::string& name, const Arguments& more = {}) {
        Arguments arguments{"create-account", "--account-name", name};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return host_.kiln_json(arguments).at("Id");
    }

    void make_accounts() {
        const std::string owner = new_account("owner", {"--uids", std::to_string(owner_uid)});
        names_["{account}"] = new_account("account", {"--uids", std::to_string(account_uid)});
        const std::string member = new_account("member");
        const std::string stranger = new_account("stranger");
        revoked_ = new_account("revoked");
        const nlohmann::json unit = host_.kiln_json({"create-organizational-unit", "--name", "u"});
        unit_arn_ = unit.at("Arn");
        host_.kiln_json({"move-account", "--account-id", member, "--destination-parent-id",
                         unit.at("Id").get<std::string>()});
        askers_ = {{"owner", {.uid = owner_uid}},       {"account", {.uid = account_uid}},
                   {"unit", {.account = member}},       {"public", {.account = stranger}},
                   {"stranger", {.account = stranger}}, {"administrator", {}},
                   {"revoked", {.account = revoked_}}};
        askers_["owner"].key = new_access_key(host_, owner);
        askers_["account"].key = new_access_key(host_, names_["{account}"]);
        for (const char* relation : {"unit", "public", "stranger", "revoked"})
            askers_[relation].key = new_access_key(host_, askers_[relation].account);
    }

    void make_resources() {
        const nlohmann::json made =
            host_.kiln_json({"describe-images", "--owners", "self"}).at("Images").at(0);
        const std::string snapshot =
            made.at("BlockDeviceMappings").at(0).at("Ebs").at("SnapshotId");
        share("ModifyImageAttribute", "ImageId", host_.image_id(), "LaunchPermission.Add.1.Group",
              "all", {});
        share("ModifySnapshotAttribute", "SnapshotId", snapshot,
              "CreateVolumePermission.Add.1.Group", "all", {});
        const Asker owner = askers_.at("owner");
        names_["{image}"] = copy_of(owner, "shared", names_["{snapshot}"]);
        names_["{public_image}"] = copy_of(owner, "public", names_["{public_snapshot}"]);
        share_with_everyone_of_the_matrix(owner);
        names_["{alias}"] = "golden:matrix";
        ask(owner, "SetImageAlias", {{"Alias", "golden:matrix"}, {"ImageId", names_["{image}"]}});
        names_["{region}"] = "local-1";
        names_["{zone}"] = "local-1a";
        names_["{instance}"] = text_of(ask(owner, "RunInstances",
                                           {{"ImageId", names_["{image}"]},
                                            {"InstanceType", "t3.micro"},
                                            {"MinCount", "1"},
                                            {"MaxCount", "1"}}),
                                       "//instanceId");
        names_["{volume}"] =
            text_of(ask(owner, "CreateVolume", {{"AvailabilityZone", "local-1a"}, {"Size", "1"}}),
                    "//volumeId");
        names_["{group}"] =
            text_of(ask(owner, "CreateSecurityGroup",
                        {{"GroupName", "matrix"}, {"GroupDescription", "of the matrix"}}),
                    "//groupId");
        ask(owner, "CreateKeyPair", {{"KeyName", "matrix"}});
        names_["{template}"] = text_of(ask(owner, "CreateLaunchTemplate",
                                           {{"LaunchTemplateName", "matrix"},
                                            {"LaunchTemplateData.ImageId", names_["{image}"]}}),
                                       "//launchTemplateId");
        names_["{upload}"] = text_of(ask(owner, "CreateUpload", {{"Size", "6"}}), "//uploadId");
        // To where nobody may fetch anything from: it has soon failed.
        names_["{import}"] =
            text_of(ask(owner, "ImportImage", {{"DiskContainer.1.Url", "http://169.254.0.1/"}}),
                    "//importTaskId");
        wait_for(owner, "DescribeImportImageTasks", "//status", "deleted");
        names_["{export}"] =
            text_of(ask(owner, "ExportImage",
                        {{"ImageId", names_["{image}"]}, {"DiskImageFormat", "qcow2"}}),
                    "//exportImageTaskId");
        wait_for(owner, "DescribeInstances", "//instanceState/name", "running");
        wait_for(owner, "DescribeExportImageTasks", "//item/status", "completed");
        names_["{interface}"] =
            text_of(ask(owner, "DescribeNetworkInterfaces", {}), "//networkInterfaceId");
        wait_for(owner, "DescribeVolumes",
                 "//volumeSet/item[volumeId='" + names_["{volume}"] + "']/status", "available");
    }

    void share_with_everyone_of_the_matrix(const Asker& owner) {
        const std::string add = "LaunchPermission.Add.1.";
        const auto share_image = [&](const std::string& how, const std::string& whom) {
            share("ModifyImageAttribute", "ImageId", names_["{image}"], how, whom, owner);
        };
        share_image(add + "UserId", names_["{account}"]);
        share_image(add + "OrganizationalUnitArn", unit_arn_);
        share_image(add + "UserId", revoked_);
        share_image("LaunchPermission.Remove.1.UserId", revoked_);
        share("ModifySnapshotAttribute", "SnapshotId", names_["{snapshot}"],
              "CreateVolumePermission.Add.1.UserId", names_["{account}"], owner);
        share("ModifyImageAttribute", "ImageId", names_["{public_image}"], add + "Group", "all",
              owner);
        share("ModifySnapshotAttribute", "SnapshotId", names_["{public_snapshot}"],
              "CreateVolumePermission.Add.1.Group", "all", owner);
    }

    void share(const std::string& action, const std::string& kind, const std::string& id,
               const std::string& how, const std::string& whom, const Asker& as) const {
        ask(as, action, {{kind, id}, {how, whom}});
    }

    /// A copy of the image of root's that is the owner's own.
    std::string copy_of(const Asker& owner, const std::string& name, std::string& snapshot) const {
        const std::string id = text_of(
            ask(owner, "CopyImage",
                {{"SourceImageId", host_.image_id()}, {"SourceRegion", "local-1"}, {"Name", name}}),
            "//imageId");
        const std::string image = "//imagesSet/item[imageId='" + id + "']";
        wait_for(owner, "DescribeImages", image + "/imageState", "available");
        snapshot = text_of(ask(owner, "DescribeImages", {}), image + "//snapshotId");
        return id;
    }

    void wait_for(const Asker& asker, const std::string& action, const std::string& query,
                  const std::string& wanted) const {
        wait_until(
            fmt::format("{} says {}", action, wanted),
            [&] { return text_of(ask(asker, action, {}), query) == wanted; },
            std::chrono::seconds(120));
    }

    api::Reply ask(const Asker& asker, const std::string& action,
                   const api::WirePairs& pairs) const {
        const As user(asker.uid);
        return api::Client(host_.socket(), {.account = asker.account}).call(action, pairs);
    }

    static std::string text_of(const api::Reply& reply, const std::string& query) {
        return reply.root().select_node(query.c_str()).node().child_value();
    }

    /// With names in place of {image} and the like; of what is public those that are.
    std::string filled(std::string value, const std::string& relation) const {
        if (relation == "public" && (value == "{image}" || value == "{snapshot}"))
            value.insert(1, "public_");
        const auto name = names_.find(value);
        return name == names_.end() ? value : name->second;
    }

    KilnHost host_;
    std::map<std::string, Asker> askers_;
    std::map<std::string, std::string> names_;
    std::string revoked_;
    std::string unit_arn_;
};

TEST_F(PermissionMatrixTest, every_cell_of_the_table_is_as_it_says_on_the_socket_and_signed) {
    int cells = 0;
    int signed_cells = 0;
    for (const Row& row : load_matrix()) {
        for (const auto& [relation, expected] : row.expected) {
            EXPECT_EQ(outcome(row, relation, Way::socket), expected)
                << row.action << " " << row.request << " by " << relation;
            ++cells;
            if (!can_ask(relation, Way::endpoint)) continue;
            EXPECT_EQ(outcome(row, relation, Way::endpoint), expected)
                << row.action << " " << row.request << " by " << relation << ", signed";
            ++signed_cells;
        }
    }
    EXPECT_GE(cells, 300);
    EXPECT_GE(signed_cells, 300);
}

}  // namespace

}  // namespace kiln::tests

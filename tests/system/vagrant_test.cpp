#include <gmock/gmock.h>

#include <cstdlib>

#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/places.hpp"
#include "tests/system/guest.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* box_name = "kiln-exported";

/// Vagrant with a home of its own and the Vagrantfile that comes with kiln, in the libvirt of the
/// private host. Guests are emulated.
class VagrantTest : public testing::Test {
  protected:
    VagrantTest() : host_("tiny") {}
    ~VagrantTest() override { vagrant({"destroy", "-f"}); }

    ProcessResult vagrant(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), "vagrant");
        const std::string project = std::string(places::source_directory) + "/vagrant/exported-box";
        return run_process(
            {.arguments = std::move(arguments),
             .time_limit = std::chrono::minutes(10),
             .environment = {"HOME=" + directory_.path().string(),
                             "VAGRANT_HOME=" + (directory_.path() / "home").string(),
                             "VAGRANT_CWD=" + project,
                             "VAGRANT_DOTFILE_PATH=" + (directory_.path() / "machine").string(),
                             "VAGRANT_DEFAULT_PROVIDER=libvirt", "VAGRANT_CHECKPOINT_DISABLE=1",
                             std::string("KILN_BOX=") + box_name, "KILN_VAGRANT_DRIVER=qemu"},
             .working_directory = directory_.path()});
    }
    void expect_done(const ProcessResult& result) const {
        EXPECT_EQ(result.exit_status, 0) << result.standard_output << result.standard_error;
    }
    fs::path box() const { return directory_.path() / "tiny.box"; }

    KilnHost host_;
    TemporaryDirectory directory_;
};

TEST_F(VagrantTest, an_exported_box_boots_lets_its_user_in_and_leaves_nothing) {
    const ProcessResult exported = host_.kiln(
        {"export", host_.image_id(), "--format", "vagrant-libvirt", "--output", box().string()});
    ASSERT_EQ(exported.exit_status, 0) << exported.standard_error;
    EXPECT_EQ(exported.standard_output, box().string() + "\n");
    EXPECT_EQ(run_on_host("cd " + directory_.path().string() + " && sha256sum --check *.sha256"),
              "tiny.box: OK");

    expect_done(vagrant({"box", "add", "--name", box_name, box()}));
    const ProcessResult up = vagrant({"up"});
    ASSERT_EQ(up.exit_status, 0) << up.standard_output << up.standard_error;
    const ProcessResult said = vagrant({"ssh", "-c", "id -un; cat /etc/os-release"});
    expect_done(said);
    EXPECT_THAT(said.standard_output, AllOf(HasSubstr("vagrant"), HasSubstr("ID=kiln-tiny")));

    expect_done(vagrant({"destroy", "-f"}));
    EXPECT_THAT(run_on_host("virsh -q -c qemu:///system list --all --name"),
                Not(HasSubstr("exported-box")));
    // The box itself stays for the next machine.
    EXPECT_THAT(run_on_host("virsh -q -c qemu:///system vol-list default | grep -v box_image"),
                IsEmpty());
}

TEST_F(VagrantTest, the_files_for_a_lab_host_are_sound) {
    for (const char* project : {"exported-box", "lab"}) {
        const ProcessResult validated = run_process(
            {.arguments = {"vagrant", "validate", "--ignore-provider"},
             .time_limit = std::chrono::minutes(2),
             .environment = {
                 "HOME=" + directory_.path().string(),
                 "VAGRANT_HOME=" + (directory_.path() / "home").string(),
                 "VAGRANT_CWD=" + std::string(places::source_directory) + "/vagrant/" + project,
                 "VAGRANT_DOTFILE_PATH=" + (directory_.path() / "machine").string(),
                 "VAGRANT_CHECKPOINT_DISABLE=1"}});
        expect_done(validated);
    }
}

}  // namespace

}  // namespace kiln::tests

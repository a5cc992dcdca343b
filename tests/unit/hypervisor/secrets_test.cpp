#include "hypervisor/libvirt/secrets.hpp"

#include <gmock/gmock.h>

#include "tests/golden.hpp"

namespace kiln::hypervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(SecretXml, describes_a_secret_that_stays_and_can_be_read_back_without_its_passphrase) {
    const std::string xml = secret_xml({.id = "5f0e1d2c-3b4a-4968-8776-655443322110",
                                        .description = "kiln <layers> of ami-1",
                                        .passphrase = "open sesame"});
    tests::expect_golden("secret.xml", xml);
    EXPECT_THAT(xml, Not(HasSubstr("sesame")));
}

}  // namespace
}  // namespace kiln::hypervisor

#include "hypervisor/libvirt/user_network.hpp"

#include <gmock/gmock.h>

namespace kiln::hypervisor {
namespace {

TEST(PortForwards, are_read_from_the_monitors_table) {
    const std::string table =
        "Hub -1 (hostnet0):\r\n"
        "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
        "  TCP[ESTABLISHED]   91       127.0.0.1 41000       10.0.2.15    22     0     0\r\n"
        "  TCP[HOST_FORWARD]  90       127.0.0.1 41709       10.0.2.15    22     0     0\r\n"
        "  TCP[HOST_FORWARD]  92               *  8080       10.0.2.15    80     0     0\r\n"
        "  UDP[HOST_FORWARD]  93       127.0.0.1    53       10.0.2.15    53     0     0\r\n";
    EXPECT_THAT(
        parse_port_forwards(table),
        testing::ElementsAre(PortForward{"127.0.0.1", 41709, 22}, PortForward{"*", 8080, 80}));
}

TEST(PortForwards, are_none_in_an_empty_or_damaged_table) {
    EXPECT_THAT(parse_port_forwards(""), testing::IsEmpty());
    EXPECT_THAT(parse_port_forwards("TCP[HOST_FORWARD] 9 127.0.0.1"), testing::IsEmpty());
    EXPECT_THAT(parse_port_forwards("TCP[HOST_FORWARD] 9 127.0.0.1 70000 10.0.2.15 22"),
                testing::IsEmpty());
    EXPECT_THAT(parse_port_forwards("TCP[HOST_FORWARD] 9 127.0.0.1 4x 10.0.2.15 22"),
                testing::IsEmpty());
}

}  // namespace
}  // namespace kiln::hypervisor

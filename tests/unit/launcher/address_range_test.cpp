#include "launcher/network/address_range.hpp"

#include <gmock/gmock.h>

namespace kiln::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Ipv4Range range(const char* text) {
    return parse_ipv4_range(text).value();
}

constexpr const char* routes =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

TEST(AddressRange, the_routes_of_the_host_are_those_without_the_default_one) {
    EXPECT_THAT(parse_routes(routes), ElementsAre(range("172.17.0.0/16"), range("192.168.1.0/24")));
    EXPECT_THAT(parse_routes(""), IsEmpty());
    EXPECT_THAT(parse_routes("headings\ngarbage\n"), IsEmpty());
}

TEST(AddressRange, the_first_that_nobody_has_is_chosen) {
    EXPECT_EQ(choose_range({}), range("172.31.0.0/16"));
    EXPECT_EQ(choose_range({range("172.31.5.0/24"), range("172.30.0.0/15")}),
              range("172.29.0.0/16"));
    EXPECT_EQ(choose_range({range("172.16.0.0/12")}), range("10.255.0.0/16"));
    EXPECT_EQ(choose_range({range("172.16.0.0/12"), range("10.128.0.0/9")}),
              range("10.127.0.0/16"));
    EXPECT_EQ(choose_range({range("172.16.0.0/12"), range("10.0.0.0/8")}), std::nullopt);
}

TEST(AddressRange, each_zone_has_a_part_of_its_own) {
    EXPECT_EQ(subnet_range(range("172.31.0.0/16"), 0, 1), range("172.31.0.0/20"));
    EXPECT_EQ(subnet_range(range("172.31.0.0/16"), 2, 3), range("172.31.32.0/20"));
    EXPECT_EQ(subnet_range(range("172.31.0.0/16"), 15, 16), range("172.31.240.0/20"));
    EXPECT_EQ(subnet_range(range("172.31.0.0/16"), 25, 26), range("172.31.200.0/21"));
    EXPECT_EQ(subnet_range(range("10.9.8.0/24"), 1, 2), range("10.9.8.16/28"));
}

}  // namespace
}  // namespace kiln::launcher

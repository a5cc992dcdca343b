#include "base/ipv4.hpp"

#include <gmock/gmock.h>

namespace kiln {
namespace {

TEST(Ipv4, an_address_is_read_as_it_is_written) {
    for (const char* text : {"0.0.0.0", "172.31.16.5", "255.255.255.255"})
        EXPECT_EQ(to_text(parse_ipv4_address(text).value()), text);
}

TEST(Ipv4, what_is_no_address_is_refused) {
    for (const char* text : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-1", "01.2.3.4",
                             "1.2.3.4 ", "1..2.3", "a.b.c.d", "::1"}) {
        EXPECT_FALSE(parse_ipv4_address(text)) << text;
    }
}

TEST(Ipv4, a_range_begins_where_its_prefix_says) {
    EXPECT_EQ(to_text(parse_ipv4_range("172.31.16.5/16").value()), "172.31.0.0/16");
    EXPECT_EQ(to_text(parse_ipv4_range("10.1.2.3/32").value()), "10.1.2.3/32");
    EXPECT_EQ(parse_ipv4_range("10.1.2.3/0"), all_ipv4_addresses);
}

TEST(Ipv4, what_is_no_range_is_refused) {
    for (const char* text : {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "/8",
                             "10.0.0/8", "10.0.0.0/08"}) {
        EXPECT_FALSE(parse_ipv4_range(text)) << text;
    }
}

TEST(Ipv4, a_range_holds_what_lies_between_its_ends) {
    const Ipv4Range range = parse_ipv4_range("172.31.16.0/20").value();
    EXPECT_EQ(range.size(), 4096U);
    EXPECT_EQ(to_text(range.last()), "172.31.31.255");
    EXPECT_TRUE(range.contains(range.first));
    EXPECT_TRUE(range.contains(range.last()));
    EXPECT_FALSE(range.contains(parse_ipv4_address("172.31.15.255").value()));
    EXPECT_FALSE(range.contains(parse_ipv4_address("172.31.32.0").value()));
    EXPECT_EQ(all_ipv4_addresses.size(), std::uint64_t{1} << 32U);
    EXPECT_TRUE(all_ipv4_addresses.contains(range.first));
}

struct Pair {
    const char* one;
    const char* other;
    bool overlap;
};

TEST(Ipv4, ranges_overlap_when_one_holds_the_other) {
    for (const Pair& pair :
         {Pair{"10.0.0.0/8", "10.1.0.0/16", true}, Pair{"10.1.0.0/16", "10.0.0.0/8", true},
          Pair{"10.1.0.0/16", "10.1.0.0/16", true}, Pair{"10.1.0.0/16", "10.2.0.0/16", false},
          Pair{"0.0.0.0/0", "192.168.0.0/24", true}}) {
        const auto one = parse_ipv4_range(pair.one).value();
        EXPECT_EQ(one.overlaps(parse_ipv4_range(pair.other).value()), pair.overlap)
            << pair.one << ' ' << pair.other;
    }
}

TEST(Ipv4, ranges_of_ports_are_one_or_two_numbers) {
    EXPECT_EQ(parse_port_range("80"), (PortRange{.first = 80, .last = 80}));
    EXPECT_EQ(parse_port_range("8000-8099"), (PortRange{.first = 8000, .last = 8099}));
    EXPECT_EQ(parse_port_range("1-65535"), PortRange());
    for (const char* bad : {"", "-", "80-", "-80", "0", "0-1", "65536", "90-80", "80-90-91", "a",
                            "80 ", "+80", "080"}) {
        EXPECT_EQ(parse_port_range(bad), std::nullopt) << bad;
    }
    EXPECT_EQ(to_text(PortRange{.first = 8000, .last = 8099}), "8000-8099");
    EXPECT_EQ(to_text(PortRange{.first = 80, .last = 80}), "80");
    const PortRange range{.first = 10, .last = 20};
    EXPECT_TRUE(range.overlaps({.first = 20, .last = 30}));
    EXPECT_FALSE(range.overlaps({.first = 21, .last = 30}));
    EXPECT_TRUE(range.contains({.first = 10, .last = 20}));
    EXPECT_FALSE(range.contains({.first = 10, .last = 21}));
}

}  // namespace
}  // namespace kiln

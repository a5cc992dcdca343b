#include <gmock/gmock.h>

#include "images/catalog/network_interface.hpp"
#include "images/catalog/region.hpp"
#include "images/catalog/vpc.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using tests::error_code_of;

class SubnetTest : public tests::CatalogFixture {
  protected:
    SubnetTest() {
        write([&](Session& session) {
            put_region(session, {.name = scope().region,
                                 .pool = "pool",
                                 .libvirt_uri = "test:///default",
                                 .created = now(),
                                 .zones = {"local-1a", "local-1b"}});
            insert_vpc(session, {.id = vpc_, .region = scope().region, .identity = "0a1b2c"});
        });
        make_subnet("local-1a", "172.31.0.0/20");
    }

    void make_subnet(const char* zone, const char* range) {
        subnet_ = {.id = SubnetId::generate(),
                   .vpc = vpc_,
                   .region = scope().region,
                   .zone = zone,
                   .range = parse_ipv4_range(range).value()};
        write([&](Session& session) { insert_subnet(session, subnet_); });
    }
    /// As one instance after another does. Returns the last address.
    std::string take(std::uint64_t count = 1) {
        Ipv4Address address;
        write([&](Session& session) {
            for (; count > 0; --count) {
                address = next_free_address(session, subnet_.id);
                const Instance taker = instance(image_);
                insert_instance(session, taker);
                insert_network_interface(session, {.id = NetworkInterfaceId::generate(),
                                                   .owner = scope().owner,
                                                   .region = subnet_.region,
                                                   .zone = subnet_.zone,
                                                   .subnet = subnet_.id,
                                                   .instance = taker.id,
                                                   .address = address});
            }
        });
        return to_text(address);
    }
    void give_back(const std::string& text) {
        const auto address = parse_ipv4_address(text).value();
        write([&](Session& session) {
            const auto interface = interface_at(session, subnet_.region, address).value();
            delete_interface_of(session, interface.instance);
        });
    }

    const ImageId image_ = ImageId::generate();
    const VpcId vpc_ = VpcId::generate();
    Subnet subnet_{.id = SubnetId::generate(), .vpc = vpc_};
};

TEST_F(SubnetTest, gives_the_preferred_address_that_was_free_for_the_longest_time) {
    const std::uint64_t preferred = preferred_addresses(subnet_).size();
    EXPECT_EQ(take(), "172.31.0.4");
    EXPECT_EQ(take(), "172.31.0.5");
    give_back("172.31.0.4");
    EXPECT_EQ(take(), "172.31.0.6");
    EXPECT_EQ(take(preferred - 3), "172.31.0.253");
    EXPECT_EQ(take(), "172.31.0.4") << "before one that is not preferred";
}

TEST_F(SubnetTest, gives_the_others_when_no_preferred_one_is_free) {
    const std::uint64_t preferred = preferred_addresses(subnet_).size();
    take(preferred);
    EXPECT_EQ(take(), "172.31.0.254");
    EXPECT_EQ(take(), "172.31.0.255");
    give_back("172.31.0.254");
    give_back("172.31.0.9");
    EXPECT_EQ(take(), "172.31.0.9");
    EXPECT_EQ(take(), "172.31.0.254");
}

TEST_F(SubnetTest, of_a_small_range_prefers_all_and_is_used_up) {
    make_subnet("local-1b", "172.31.16.0/28");
    EXPECT_EQ(preferred_addresses(subnet_).size(), 11U);
    EXPECT_EQ(take(11), "172.31.16.14");
    EXPECT_EQ(error_code_of([&] { take(); }), "InsufficientFreeAddressesInSubnet");
}

}  // namespace

}  // namespace kiln::images

#pragma once

#include <string>

#include "tests/integration/api/api_fixture.hpp"

namespace kiln::api::tests {

/// What tests of many actions do again and again.
class ActionsTest : public ApiFixture {
  protected:
    std::string launch(const WirePairs& more = {}) {
        WirePairs pairs{{"ImageId", golden().str()},
                        {"InstanceType", "t3.micro"},
                        {"MinCount", "1"},
                        {"MaxCount", "1"}};
        pairs.insert(pairs.end(), more.begin(), more.end());
        const std::string id = done("RunInstances", pairs).text("//instancesSet/item/instanceId");
        settle();
        return id;
    }
    void stop(const std::string& instance) {
        done("StopInstances", {{"InstanceId.1", instance}});
        settle();
    }
    std::string attribute(const std::string& instance, const std::string& name) {
        return done("DescribeInstanceAttribute", {{"InstanceId", instance}, {"Attribute", name}})
            .text("//" + name + "/value");
    }
    std::string root_volume() { return done("DescribeVolumes").text("//volumeId"); }
    std::string new_volume() {
        const std::string id =
            done("CreateVolume", {{"AvailabilityZone", "local-1a"}, {"Size", "1"}})
                .text("//volumeId");
        settle();
        return id;
    }
    std::string root_snapshot() {
        return done("DescribeSnapshots").text("//snapshotSet/item/snapshotId");
    }
};

}  // namespace kiln::api::tests

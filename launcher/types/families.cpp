#include "launcher/types/families.hpp"

namespace kiln::launcher {

namespace {

using images::Architecture;
using images::VirtualizationType;

const std::vector<Architecture> intel{Architecture::x86_64};
const std::vector<Architecture> old_intel{Architecture::i386, Architecture::x86_64};
const std::vector<Architecture> arm{Architecture::arm64};
const std::vector<Architecture> apple{Architecture::x86_64_mac};
const std::vector<VirtualizationType> both{VirtualizationType::hvm,
                                           VirtualizationType::paravirtual};
const std::vector<VirtualizationType> hvm{VirtualizationType::hvm};

std::vector<Size> sizes_of_t3() {
    return {{"nano", 2, 512, 5},      {"micro", 2, 1024, 10}, {"small", 2, 2048, 20},
            {"medium", 2, 4096, 20},  {"large", 2, 8192, 30}, {"xlarge", 4, 16384, 40},
            {"2xlarge", 8, 32768, 40}};
}

std::vector<Family> burstable_families() {
    return {{"t3", intel, sizes_of_t3(), hvm, true},
            {"t4g", arm, sizes_of_t3(), hvm, true},
            {"t2",
             old_intel,
             {{"nano", 1, 512, 5},
              {"micro", 1, 1024, 10},
              {"small", 1, 2048, 20},
              {"medium", 2, 4096, 20},
              {"large", 2, 8192, 30}},
             hvm,
             true}};
}

std::vector<Family> families_without_disks() {
    return {{"m5",
             intel,
             {{"large", 2, 8192},
              {"xlarge", 4, 16384},
              {"2xlarge", 8, 32768},
              {"4xlarge", 16, 65536},
              {"8xlarge", 32, 131072},
              {"12xlarge", 48, 196608},
              {"16xlarge", 64, 262144},
              {"24xlarge", 96, 393216}}},
            {"m6g",
             arm,
             {{"medium", 1, 4096},
              {"large", 2, 8192},
              {"xlarge", 4, 16384},
              {"2xlarge", 8, 32768},
              {"4xlarge", 16, 65536},
              {"8xlarge", 32, 131072},
              {"12xlarge", 48, 196608},
              {"16xlarge", 64, 262144}}},
            {"c5",
             intel,
             {{"large", 2, 4096},
              {"xlarge", 4, 8192},
              {"2xlarge", 8, 16384},
              {"4xlarge", 16, 32768},
              {"9xlarge", 36, 73728},
              {"12xlarge", 48, 98304},
              {"18xlarge", 72, 147456},
              {"24xlarge", 96, 196608}}},
            {"r5",
             intel,
             {{"large", 2, 16384},
              {"xlarge", 4, 32768},
              {"2xlarge", 8, 65536},
              {"4xlarge", 16, 131072},
              {"8xlarge", 32, 262144},
              {"12xlarge", 48, 393216},
              {"16xlarge", 64, 524288},
              {"24xlarge", 96, 786432}}}};
}

std::vector<Family> families_with_disks() {
    return {{"m5d",
             intel,
             {{"large", 2, 8192, 100, 1, 75},
              {"xlarge", 4, 16384, 100, 1, 150},
              {"2xlarge", 8, 32768, 100, 1, 300},
              {"4xlarge", 16, 65536, 100, 2, 300},
              {"8xlarge", 32, 131072, 100, 2, 600}}},
            {"c5d",
             intel,
             {{"large", 2, 4096, 100, 1, 50},
              {"xlarge", 4, 8192, 100, 1, 100},
              {"2xlarge", 8, 16384, 100, 1, 200},
              {"4xlarge", 16, 32768, 100, 1, 400}}}};
}

std::vector<Family> families_of_previous_generations() {
    return {{"m3",
             intel,
             {{"medium", 1, 3840, 100, 1, 4},
              {"large", 2, 7680, 100, 1, 32},
              {"xlarge", 4, 15360, 100, 2, 40},
              {"2xlarge", 8, 30720, 100, 2, 80}},
             both,
             false,
             false},
            {"m1",
             old_intel,
             {{"small", 1, 1740, 100, 1, 160},
              {"medium", 1, 3840, 100, 1, 410},
              {"large", 2, 7680, 100, 2, 420},
              {"xlarge", 4, 15360, 100, 4, 420}},
             both,
             false,
             false},
            {"t1", old_intel, {{"micro", 1, 627, 20}}, both, false, false}};
}

std::vector<Family> all_families() {
    std::vector<Family> all;
    for (const std::vector<Family>& some :
         {burstable_families(), families_without_disks(), families_with_disks(),
          families_of_previous_generations()}) {
        all.insert(all.end(), some.begin(), some.end());
    }
    // What a Mac mini of 2018 has.
    all.push_back({"mac1", apple, {{"metal", 12, 32768}}, hvm, false, true, true});
    return all;
}

}  // namespace

const std::vector<Family>& families() {
    static const std::vector<Family> all = all_families();
    return all;
}

}  // namespace kiln::launcher

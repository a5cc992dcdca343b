// Writes what the fuzzer begins with: write_gate_seeds DIRECTORY

#include <cstdio>
#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "tests/fuzz/gate_input.hpp"
#include "tests/hostile_images.hpp"

namespace {

using namespace kiln::tests;

constexpr std::size_t largest_seed = 48 * 1024;

class Seeds {
  public:
    explicit Seeds(std::filesystem::path directory) : directory_(std::move(directory)) {
        std::filesystem::create_directories(directory_);
    }
    ~Seeds() = default;
    Seeds(const Seeds&) = delete;
    Seeds& operator=(const Seeds&) = delete;

    void add(const DiskFile& file) {
        write(fuzzer_input_of(file));
        if (file.size == file.bytes.size()) write(plain_fuzzer_input_of(file));
    }
    int count() const { return count_; }

  private:
    void write(const std::string& input) {
        if (input.size() > largest_seed) return;
        kiln::write_file_atomically(directory_ / ("seed-" + std::to_string(count_)), input, 0644);
        count_ += 1;
    }

    std::filesystem::path directory_;
    int count_ = 0;
};

void add_valid_images(Seeds& seeds) {
    for (const std::uint32_t bits : {9, 12, 16}) {
        seeds.add(make_qcow2({.version = 2, .cluster_bits = bits}));
        seeds.add(make_qcow2({.cluster_bits = bits}));
    }
    seeds.add(make_qcow2({.cluster_bits = 14, .has_extended_l2 = true}));
    std::string snapshots = make_qcow2({.cluster_bits = 9});
    add_qcow2_snapshots(snapshots, 1, Qcow2{.cluster_bits = 9}.l1_table());
    seeds.add(snapshots);
    seeds.add(make_raw(4096));
    seeds.add(make_vmdk(VmdkKind::monolithic_sparse));
    seeds.add(make_vmdk(VmdkKind::stream_optimized));
    seeds.add(make_fixed_vhd(4096));
    seeds.add(make_dynamic_vhd());
    seeds.add(make_vhdx());
    seeds.add(make_ova());
    seeds.add(make_tar({{"machine.ovf", make_ovf({"disk.img", "disk.vhd"})},
                        {"disk.img", make_raw(512)},
                        {"disk.vhd", make_fixed_vhd(512)}}));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: write_gate_seeds DIRECTORY\n");
        return 2;
    }
    Seeds seeds(argv[1]);
    add_valid_images(seeds);
    for (const HostileImage& image : hostile_images()) {
        if (image.is_for_the_gate()) seeds.add(image.make());
    }
    std::printf("%d seeds\n", seeds.count());
    return 0;
}

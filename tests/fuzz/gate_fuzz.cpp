// What libFuzzer calls with each input: the gate refuses it, or answers with disks that lie in it.

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "builder/import/gate/gate.hpp"
#include "tests/fuzz/gate_input.hpp"

namespace {

using kiln::builder::gate::DiskFormat;
using kiln::builder::gate::InspectedDisk;
using kiln::builder::gate::InspectedFile;

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "the gate let a file pass %s\n", what);
    std::abort();
}

void check(const InspectedDisk& disk, std::uint64_t file_size) {
    require(disk.format != DiskFormat::ova, "of which a disk is an OVA");
    require(disk.virtual_size.value > 0, "with an empty disk");
    require(disk.virtual_size.value % 512 == 0, "with a part of a sector");
    require(disk.virtual_size <= kiln::builder::gate::max_virtual_size, "with too large a disk");
    require(disk.offset.value <= file_size, "with a disk behind its end");
    require(disk.length.value <= file_size - disk.offset.value, "with a disk beyond its end");
}

void check_gate(std::string_view input) {
    const auto source = kiln::tests::GateInput::parse(input);
    const InspectedFile file = kiln::builder::gate::inspect(source, source.declared());
    require(!file.disks.empty(), "without a disk");
    for (const InspectedDisk& disk : file.disks)
        check(disk, source.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
    try {
        check_gate({reinterpret_cast<const char*>(bytes), size});
    } catch (const kiln::Error& error) {
        require(error.code() == kiln::error_code::invalid_parameter_value, "by an internal error");
        require(!error.message().empty(), "by an error without words");
    } catch (const kiln::tests::GateInput::TooMuchRead&) {
        return -1;  // of no use in the corpus
    }
    return 0;
}

#include "launcher/types/guest_architecture.hpp"

#include <cstdlib>

namespace kiln::launcher {

hypervisor::GuestArchitecture guest_architecture(images::Architecture architecture) {
    switch (architecture) {
        case images::Architecture::i386:
            return hypervisor::GuestArchitecture::i386;
        case images::Architecture::x86_64:
        case images::Architecture::x86_64_mac:
            return hypervisor::GuestArchitecture::x86_64;
        case images::Architecture::arm64:
            return hypervisor::GuestArchitecture::aarch64;
    }
    std::abort();
}

}  // namespace kiln::launcher

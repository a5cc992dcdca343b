#include "builder/export/vagrant_box.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace kiln::builder {

namespace {

/// OVMF of Debian, Ubuntu and Fedora lies there: code and variables in one file.
constexpr const char* uefi_firmware = "/usr/share/ovmf/OVMF.fd";

}  // namespace

std::string box_metadata(const VagrantBox& box) {
    return nlohmann::ordered_json{{"provider", "libvirt"},
                                  {"format", "qcow2"},
                                  {"virtual_size", box.virtual_size.in_gibibytes()}}
               .dump() +
           "\n";
}

std::string box_vagrantfile(const VagrantBox& box) {
    std::string text = fmt::format(
        "# Made by kiln of {}.\n"
        "Vagrant.configure(\"2\") do |config|\n"
        "  config.vm.synced_folder \".\", \"/vagrant\", disabled: true\n",
        box.image);
    if (box.is_tiny) {
        text +=
            "  # There is neither bash nor sudo in it.\n"
            "  config.vm.guest = :linux\n"
            "  config.vm.allow_fstab_modification = false\n"
            "  config.ssh.shell = \"sh\"\n"
            "  config.ssh.insert_key = false\n";
    }
    if (box.boot_mode == images::BootMode::uefi) {
        text += fmt::format(
            "  config.vm.provider :libvirt do |libvirt|\n"
            "    libvirt.loader = \"{}\"\n"
            "  end\n",
            uefi_firmware);
    }
    return text + "end\n";
}

}  // namespace kiln::builder

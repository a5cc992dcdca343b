#pragma once

#include <optional>
#include <string>
#include <vector>

namespace kiln::builder {

/// A line of sources.list(5), taken apart.
struct AptSource {
    std::vector<std::string> architectures = {};  // empty: any
    std::string signed_by = {};  // the path of a keyring, or the key itself; empty: any key
    bool is_trusted = false;     // without a signature
    std::string uri;
    std::string suite;
    std::vector<std::string> components = {};

    bool operator==(const AptSource&) const = default;
};

inline constexpr std::size_t most_sources = 256;

/// The sources of packages in a file of sources.list.d, by its name: those of a .list file in the
/// form of lines, those of a .sources file in deb822's. What is no source of packages over http or
/// https is left out: the host's apt must not be led to the host's own files. Throws
/// Error{BuildFailed} for more than most_sources. Pure.
std::vector<AptSource> read_sources(const std::string& file_name, const std::string& text);
/// The source as a line; `keyring` is where its keys are now, empty: any that apt knows. Pure.
std::string source_line(const AptSource& source, const std::string& keyring);
/// Whether the source has packages of this architecture, as Debian calls it.
bool has_architecture(const AptSource& source, const std::string& architecture);

/// What apt is set up with that knows nothing of the host's.
struct AptSetup {
    std::string directory;  // with etc/, state/, cache/ and the file status
    std::string architecture;
};
/// The text of an apt.conf(5) for it. Pure.
std::string apt_configuration(const AptSetup& setup);

}  // namespace kiln::builder

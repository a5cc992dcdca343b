#include "builder/offline/apt_sources.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/steps/build.hpp"

namespace kiln::builder {

namespace {

Error too_many_sources() {
    return build_failed(fmt::format(
        "the system's apt has more than {} sources of packages: remove some", most_sources));
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : text) {
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(std::exchange(word, ""));
        }
    }
    if (!word.empty()) words.push_back(word);
    return words;
}

/// Also "2130706433" and "0x7f.1", as the host's resolver reads them.
bool is_own_address(const std::string& host) {
    in_addr address{};
    if (::inet_aton(host.c_str(), &address) == 0) return false;
    const std::uint32_t number = ntohl(address.s_addr);
    const std::uint32_t first = number >> 24U;
    return first == 127 || first == 0 || (number >> 16U) == 0xa9feU;
}

/// Of a place in a network: not of the host, nor of who tells it about itself.
bool is_remote(const std::string& uri) {
    std::string lower = uri;
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::string_view host = lower;
    if (host.starts_with("http://")) {
        host.remove_prefix(7);
    } else if (host.starts_with("https://")) {
        host.remove_prefix(8);
    } else {
        return false;
    }
    if (host.starts_with("localhost") || host.starts_with('[')) return false;
    if (is_own_address(std::string(host.substr(0, host.find_first_of(":/"))))) return false;
    return host.find('@') == std::string_view::npos;
}

/// And nothing that would end a line or an option of apt's.
bool is_allowed(const AptSource& source) {
    const auto is_plain = [](const std::string& text) {
        return std::ranges::all_of(text, [](unsigned char c) {
            return c > ' ' && c < 0x7f && c != '[' && c != ']' && c != '#' && c != '"';
        });
    };
    return is_remote(source.uri) && is_plain(source.uri) && is_plain(source.suite) &&
           std::ranges::all_of(source.components, is_plain);
}

void set_option(AptSource& source, const std::string& name, const std::string& value) {
    if (name == "arch") source.architectures = split(value, ',');
    if (name == "signed-by") source.signed_by = value;
    if (name == "trusted") source.is_trusted = value == "yes";
}

/// "deb [option=value …] uri suite component …"
std::optional<AptSource> read_line(std::string_view line) {
    line = line.substr(0, line.find('#'));
    AptSource source;
    if (const std::size_t begin = line.find('['); begin != std::string_view::npos) {
        const std::size_t end = line.find(']', begin);
        if (end == std::string_view::npos) return std::nullopt;
        for (const std::string& option : words_of(line.substr(begin + 1, end - begin - 1))) {
            const std::size_t equals = option.find('=');
            if (equals != std::string::npos)
                set_option(source, option.substr(0, equals), option.substr(equals + 1));
        }
        if (words_of(line.substr(0, begin)) != std::vector<std::string>{"deb"}) return std::nullopt;
        line.remove_prefix(end + 1);
    } else {
        const std::vector<std::string> words = words_of(line);
        if (words.empty() || words.front() != "deb") return std::nullopt;
        line.remove_prefix(line.find("deb") + 3);
    }
    const std::vector<std::string> words = words_of(line);
    if (words.size() < 2) return std::nullopt;
    source.uri = words[0];
    source.suite = words[1];
    source.components.assign(words.begin() + 2, words.end());
    return source;
}

using Stanza = std::map<std::string, std::string>;  // lower-case field names

/// A field goes on in lines that begin with a space, a stanza until an empty line.
std::vector<Stanza> read_stanzas(const std::string& text) {
    std::vector<Stanza> stanzas(1);
    std::string field;
    for (const std::string& line : split(text, '\n')) {
        if (line.starts_with('#')) continue;
        if (trim(line).empty()) {
            stanzas.emplace_back();
            field.clear();
        } else if (line.front() == ' ' || line.front() == '\t') {
            if (!field.empty()) stanzas.back()[field] += "\n" + line;
        } else if (const std::size_t colon = line.find(':'); colon != std::string::npos) {
            field = line.substr(0, colon);
            std::ranges::transform(field, field.begin(), [](unsigned char c) {
                return static_cast<char>(std::tolower(c));
            });
            stanzas.back()[field] = std::string(trim(line.substr(colon + 1)));
        }
    }
    return stanzas;
}

std::string field_of(const Stanza& stanza, const char* name) {
    const auto found = stanza.find(name);
    return found == stanza.end() ? "" : found->second;
}

/// A key in a field has a space before each line, and a dot for an empty one.
std::string key_of(const std::string& field) {
    if (field.find("BEGIN PGP") == std::string::npos) return std::string(trim(field));
    std::string key;
    for (const std::string& line : split(trim(field), '\n')) {
        const std::string_view content = trim(line);
        key += (content == "." ? "" : std::string(content)) + "\n";
    }
    return key;
}

std::vector<AptSource> sources_of(const Stanza& stanza) {
    std::vector<AptSource> sources;
    const std::vector<std::string> types = words_of(field_of(stanza, "types"));
    if (std::ranges::find(types, "deb") == types.end()) return {};
    if (field_of(stanza, "enabled") == "no") return {};
    const std::vector<std::string> uris = words_of(field_of(stanza, "uris"));
    const std::vector<std::string> suites = words_of(field_of(stanza, "suites"));
    if (uris.size() * suites.size() > most_sources) throw too_many_sources();
    for (const std::string& uri : uris) {
        for (const std::string& suite : suites) {
            sources.push_back({.architectures = words_of(field_of(stanza, "architectures")),
                               .signed_by = key_of(field_of(stanza, "signed-by")),
                               .is_trusted = field_of(stanza, "trusted") == "yes",
                               .uri = uri,
                               .suite = suite,
                               .components = words_of(field_of(stanza, "components"))});
        }
    }
    return sources;
}

}  // namespace

std::vector<AptSource> read_sources(const std::string& file_name, const std::string& text) {
    std::vector<AptSource> sources;
    if (file_name.ends_with(".sources")) {
        for (const Stanza& stanza : read_stanzas(text)) {
            std::ranges::move(sources_of(stanza), std::back_inserter(sources));
            if (sources.size() > most_sources) throw too_many_sources();
        }
    } else if (file_name.ends_with(".list")) {
        for (const std::string& line : split(text, '\n')) {
            if (auto source = read_line(line)) sources.push_back(*std::move(source));
        }
    }
    std::erase_if(sources, [](const AptSource& source) { return !is_allowed(source); });
    return sources;
}

bool has_architecture(const AptSource& source, const std::string& architecture) {
    return source.architectures.empty() ||
           std::ranges::find(source.architectures, architecture) != source.architectures.end();
}

std::string source_line(const AptSource& source, const std::string& keyring) {
    std::vector<std::string> options;
    if (!keyring.empty()) options.push_back("signed-by=" + keyring);
    if (source.is_trusted) options.emplace_back("trusted=yes");
    const std::string stated = options.empty() ? "" : fmt::format("[{}] ", fmt::join(options, " "));
    return fmt::format("deb {}{} {} {}\n", stated, source.uri, source.suite,
                       fmt::join(source.components, " "));
}

std::string apt_configuration(const AptSetup& setup) {
    // Read before all else, so that it also says where else apt is to look: nowhere of the host's.
    return fmt::format(R"(Dir::Etc "{0}/etc/";
Dir::State "{0}/state/";
Dir::State::status "{0}/status";
Dir::Cache "{0}/cache/";
Dir::Log "{0}/log/";
APT::Architecture "{1}";
APT::Architectures {{ "{1}"; }};
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
)",
                       setup.directory, setup.architecture);
}

}  // namespace kiln::builder

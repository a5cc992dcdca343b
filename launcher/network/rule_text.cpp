#include "launcher/network/rule_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/error.hpp"

namespace kiln::launcher {

namespace {

constexpr const char* all_protocols = "-1";
constexpr int highest_port = 65535;
constexpr int highest_icmp_number = 255;
constexpr std::size_t longest_description = 255;

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

std::string parse_protocol(const std::string& text) {
    const std::string word = lower(text);
    if (word == "tcp" || word == "6") return "tcp";
    if (word == "udp" || word == "17") return "udp";
    if (word == "icmp" || word == "1") return "icmp";
    if (word == "all" || word == all_protocols) return all_protocols;
    int number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    const bool whole = error == std::errc() && end == word.data() + word.size();
    if (whole && number >= 0 && number <= 255) return std::to_string(number);
    throw Error(error_code::invalid_parameter_value, text,
                fmt::format("Invalid value '{}' for IP protocol: expecting tcp, udp, icmp, -1 for "
                            "all, or a number from 0 to 255",
                            text));
}

void check_number(const char* what, std::int64_t number, int least, int most) {
    if (number >= least && number <= most) return;
    throw Error(
        error_code::invalid_parameter_value, what,
        fmt::format("Invalid value '{}' for {}: expecting {} to {}", number, what, least, most));
}

void set_ports(images::SecurityGroupRule& rule, const RuleRequest& request) {
    const bool has_ports = rule.protocol == "tcp" || rule.protocol == "udp";
    if (has_ports && (!request.from_port || !request.to_port)) {
        throw Error(error_code::missing_parameter, "FromPort",
                    fmt::format("Rules for {} need FromPort and ToPort: 0 and 65535 are all ports",
                                rule.protocol));
    }
    if (!has_ports && rule.protocol != "icmp") return;  // all of them
    const std::int64_t from = request.from_port.value_or(-1);
    const std::int64_t to = request.to_port.value_or(-1);
    if (has_ports && from == -1 && to == -1) {
        rule.from_port = 0;
        rule.to_port = highest_port;
        return;
    }
    const int least = has_ports ? 0 : -1;
    const int most = has_ports ? highest_port : highest_icmp_number;
    check_number(has_ports ? "FromPort" : "ICMP type", from, least, most);
    check_number(has_ports ? "ToPort" : "ICMP code", to, least, most);
    if (has_ports && from > to) {
        throw Error(error_code::invalid_parameter_value, "FromPort",
                    fmt::format("Invalid port range: from {} to {}", from, to));
    }
    if (!has_ports && from == -1 && to != -1) {
        throw Error(error_code::invalid_parameter_value, "FromPort",
                    "An ICMP code needs a type: only all codes (-1) go with all types (-1)");
    }
    rule.from_port = static_cast<int>(from);
    rule.to_port = static_cast<int>(to);
}

Ipv4Range parse_peer(const std::string& text) {
    if (const auto range = parse_ipv4_range(text)) return *range;
    if (const auto address = parse_ipv4_address(text)) return {.first = *address};
    throw Error(error_code::invalid_parameter_value, text,
                fmt::format("CIDR block {} is malformed: expecting an IPv4 block like 10.0.0.0/8 "
                            "(guests have IPv4 alone)",
                            text));
}

void check_description(const std::string& text) {
    constexpr std::string_view allowed = " ._-:/()#,@[]+=&;{}!$*";
    const bool fine = std::ranges::all_of(text, [&](unsigned char c) {
        return std::isalnum(c) != 0 || allowed.find(static_cast<char>(c)) != std::string_view::npos;
    });
    if (fine && text.size() <= longest_description) return;
    throw Error(error_code::invalid_parameter_value, "Description",
                fmt::format("Invalid rule description: at most {} of a-z, A-Z, 0-9, spaces, and {}",
                            longest_description, allowed.substr(1)));
}

}  // namespace

images::SecurityGroupRule parse_rule(const RulesRequest& request, const RuleRequest& rule) {
    const int peers = static_cast<int>(!rule.range.empty()) +
                      static_cast<int>(!rule.group_id.empty() || !rule.group_name.empty());
    if (peers != 1) {
        throw Error("InvalidPermission.Malformed", rule.protocol,
                    "Each rule needs one peer: a CIDR block, or a security group");
    }
    check_description(rule.description);
    images::SecurityGroupRule parsed{.id = SecurityGroupRuleId::generate(),
                                     .group = request.group,
                                     .is_egress = request.is_egress,
                                     .protocol = parse_protocol(rule.protocol),
                                     .range = all_ipv4_addresses,
                                     .description = rule.description};
    if (!rule.range.empty()) parsed.range = parse_peer(rule.range);
    set_ports(parsed, rule);
    return parsed;
}

std::string describe_rule(const images::SecurityGroupRule& rule) {
    std::string protocol = rule.protocol == all_protocols ? "ALL" : rule.protocol;
    std::ranges::transform(protocol, protocol.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    std::string text = fmt::format(
        "peer: {}, {}", rule.peer_group ? rule.peer_group->str() : to_text(rule.range), protocol);
    if (rule.protocol == "tcp" || rule.protocol == "udp")
        text += fmt::format(", from port: {}, to port: {}", rule.from_port, rule.to_port);
    if (rule.protocol == "icmp")
        text += fmt::format(", type: {}, code: {}", rule.from_port, rule.to_port);
    return text + ", ALLOW";
}

}  // namespace kiln::launcher

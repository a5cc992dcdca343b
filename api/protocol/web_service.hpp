#pragma once

#include <string_view>

namespace kiln::api {

/// How AWS' services are spoken to: `ec2` has lists X.1 in requests and <item> in answers, `query`
/// X.member.1 and <member>; errors and elements' names differ, too.
enum class Protocol { ec2, query };

/// A service of AWS that kiln answers for.
struct WebService {
    std::string_view name;  // as the scope of a signature has it
    Protocol protocol;
    std::string_view version;
    std::string_view xml_namespace;
};

inline constexpr WebService ec2_service{
    .name = "ec2",
    .protocol = Protocol::ec2,
    .version = "2016-11-15",
    .xml_namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"};
inline constexpr WebService sts_service{
    .name = "sts",
    .protocol = Protocol::query,
    .version = "2011-06-15",
    .xml_namespace = "https://sts.amazonaws.com/doc/2011-06-15/"};
inline constexpr WebService iam_service{
    .name = "iam",
    .protocol = Protocol::query,
    .version = "2010-05-08",
    .xml_namespace = "https://iam.amazonaws.com/doc/2010-05-08/"};

/// nullptr: kiln does not answer for it.
const WebService* find_web_service(std::string_view name);

}  // namespace kiln::api

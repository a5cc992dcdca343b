#include "images/bundles/bundle_manifest.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "images/bundles/frame.hpp"
#include "tests/golden.hpp"

namespace kiln::images {

namespace {

using ::testing::HasSubstr;

constexpr Bytes limit = Bytes::gibibytes(100);

BundleManifest manifest_of_two_parts() {
    return {
        .bundler_name = "kiln",
        .bundler_version = "0.1.0",
        .description = {.name = "golden <&> \"image\" ü",
                        .user = "111111111111",
                        .architecture = "x86_64",
                        .block_device_mapping = {{.virtual_name = "ami", .device = "sda1"},
                                                 {.virtual_name = "root", .device = "/dev/sda1"}}},
        .digest = std::string(64, 'a'),
        .size = Bytes{frame_size.value + 1},
        .bundled_size = Bytes{1010},
        .parts = {
            {.filename = "image.part.0000", .digest = std::string(64, 'b'), .size = Bytes{1000}},
            {.filename = "image.part.0001", .digest = std::string(64, 'c'), .size = Bytes{10}}}};
}

/// What parsing the XML is refused with; "" when it is not.
std::string refusal_of(const std::string& xml) {
    try {
        parse_manifest(xml, limit);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "InvalidManifest") << error.message();
        return error.message();
    }
    return "";
}

/// The sound manifest's XML with `from` replaced by `to`.
std::string with(const std::string& from, const std::string& to) {
    std::string xml = to_xml(manifest_of_two_parts());
    const std::size_t at = xml.find(from);
    EXPECT_NE(at, xml.npos) << from;
    return xml.replace(at, from.size(), to);
}

TEST(BundleManifest, is_written_as_the_golden_file) {
    tests::expect_golden("bundle.manifest.xml", to_xml(manifest_of_two_parts()));
}

TEST(BundleManifest, reads_what_it_wrote) {
    EXPECT_EQ(parse_manifest(to_xml(manifest_of_two_parts()), limit), manifest_of_two_parts());
    BundleManifest empty = manifest_of_two_parts();
    empty.size = empty.bundled_size = Bytes{0};
    empty.parts.clear();
    empty.description.block_device_mapping.clear();
    EXPECT_EQ(parse_manifest(to_xml(empty), Bytes{0}), empty);
}

TEST(BundleManifest, reads_what_another_tool_formatted_anew) {
    EXPECT_EQ(refusal_of(with("</image>", "\r\n\t<!-- edited --></image>")), "");
    EXPECT_EQ(refusal_of(with("</machine_configuration>", "<kernel_id/></machine_configuration>")),
              "");
    EXPECT_EQ(refusal_of(with("</image>", "<ancestry/></image>")), "");
    EXPECT_EQ(refusal_of(with("ü", "&#252;")), "");
}

TEST(BundleManifest, hostile_ones_are_refused_with_what_is_wrong) {
    struct Case {
        std::string xml;
        std::string message;
    };
    const std::string digest_a(64, 'a');
    const std::string digest_b(64, 'b');
    const std::vector<Case> cases{
        {"", "is not XML"},
        {"not XML", "is not XML"},
        {"<manifest>", "is not XML"},
        {"<other/>", "one 'manifest'"},
        {"<manifest/>", "one 'version'"},
        {"<manifest/><manifest/>", "one 'manifest'"},
        {std::string((1 << 20) + 1, ' '), "larger than 1 MiB"},
        {with("golden", "g\xff"), "not UTF-8"},
        {with("golden", std::string("g\0", 2)), "control characters"},
        {with("golden", "&#27;[31m"), "control characters"},
        {with("<manifest>", "<!DOCTYPE manifest><manifest>"), "document type"},
        {with("<manifest>",
              "<!DOCTYPE manifest [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><manifest>"),
         "document type"},
        {with("golden", "&a;"), "entity"},
        {with("golden", "& "), "entity"},
        {with("kiln-1", "2007-10-10"), "bundle the image anew"},
        {with("<user>111111111111</user>", ""), "one 'user'"},
        {with("<user>111111111111</user>", "<user/>"), "text alone"},
        {with("<user>111111111111</user>", "<user>1</user><user>2</user>"), "one 'user'"},
        {with("111111111111", "<b>1</b>"), "text alone"},
        {with("111111111111", "1<!-- -->2"), "text alone"},
        {with("111111111111", "<![CDATA[1]]>"), "text alone"},
        {with("111111111111", std::string(1025, '1')), "'user'"},
        {with("x86_64", " "), "'architecture'"},
        {with(">machine<", ">kernel<"), "'machine'"},
        {with("SHA256", "SHA1"), "SHA256"},
        {with("algorithm=\"SHA256\"", ""), "SHA256"},
        {with(digest_a, "aa"), "64 lower-case hex"},
        {with(digest_b, std::string(64, 'B')), "64 lower-case hex"},
        {with(digest_b, std::string(63, 'b') + "/"), "64 lower-case hex"},
        {with("16777217", "16777216"), "one part for each"},
        {with("16777217", "33554433"), "one part for each"},
        {with("16777217", "-1"), "whole number"},
        {with("16777217", "0x1000001"), "whole number"},
        {with("16777217", "16777217 "), "whole number"},
        {with("16777217", "99999999999999999999"), "whole number"},
        {with("16777217", "107374182401"), "larger than the limit"},
        {with("<bundled_size>1010", "<bundled_size>1011"), "not that of all parts"},
        {with("<size>10<", "<size>0<"), "a part's size"},
        {with("<size>10<", "<size>18446744073709551615<"), "a part's size"},
        {with("count=\"2\"", "count=\"3\""), "as many parts"},
        {with("count=\"2\"", ""), "'count'"},
        {with("index=\"1\"", "index=\"0\""), "numbered from 0"},
        {with("index=\"1\"", "index=\"2\""), "numbered from 0"},
        {with("<parts ", "<parts count=\"0\"/><parts "), "one 'parts'"},
        {with("image.part.0001", "../image.part.0001"), "plain name"},
        {with("image.part.0001", "/etc/passwd"), "plain name"},
        {with("image.part.0001", "other/part"), "plain name"},
        {with("image.part.0001", ".."), "plain name"},
        {with("image.part.0001", "a&#10;b"), "plain name"},
        {with("image.part.0001", std::string(256, 'p')), "plain name"},
    };
    for (const Case& c : cases)
        EXPECT_THAT(refusal_of(c.xml), HasSubstr(c.message)) << c.xml.substr(0, 200);
}

TEST(BundleManifest, mappings_are_bounded) {
    BundleManifest manifest = manifest_of_two_parts();
    manifest.description.block_device_mapping.assign(
        64, {.virtual_name = "ephemeral0", .device = "sdb"});
    EXPECT_EQ(refusal_of(to_xml(manifest)), "");
    manifest.description.block_device_mapping.push_back({.virtual_name = "a", .device = "b"});
    EXPECT_THAT(refusal_of(to_xml(manifest)), HasSubstr("64 mappings"));
}

TEST(BundleManifest, deeply_nested_elements_do_no_harm) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i)
        deep += "<a>";
    EXPECT_THAT(refusal_of(deep), HasSubstr("is not XML"));
    for (int i = 0; i < 100'000; ++i)
        deep += "</a>";
    EXPECT_THAT(refusal_of(deep), HasSubstr("one 'manifest'"));
}

}  // namespace

}  // namespace kiln::images

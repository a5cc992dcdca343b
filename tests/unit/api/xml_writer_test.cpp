#include "api/output/xml_writer.hpp"

#include <gtest/gtest.h>

#include <pugixml.hpp>

namespace kiln::api {

namespace {

std::string text_of(std::string_view value) {
    XmlWriter xml;
    xml.text("x", value);
    return xml.take();
}

constexpr const char* declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

TEST(XmlWriter, writes_the_elements_in_the_order_of_the_calls) {
    XmlWriter xml;
    xml.open("root", "http://example.org/");
    xml.text("id", "1");
    xml.open("set");
    xml.close("set");
    xml.close("root");

    EXPECT_EQ(xml.take(), std::string(declaration) +
                              "<root xmlns=\"http://example.org/\"><id>1</id><set></set></root>");
}

TEST(XmlWriter, escapes_what_has_a_meaning_in_xml) {
    EXPECT_EQ(text_of("a < b && c > \"d\""),
              std::string(declaration) + "<x>a &lt; b &amp;&amp; c &gt; \"d\"</x>");
}

TEST(XmlWriter, replaces_characters_that_no_xml_document_may_hold) {
    EXPECT_EQ(text_of(std::string_view("a\x1b[31m\0b", 8)),
              std::string(declaration) + "<x>a?[31m?b</x>");
}

TEST(XmlWriter, replaces_what_is_not_utf8_and_what_is_no_character) {
    EXPECT_EQ(text_of("a\xFCz \xEF\xBF\xBE|\xEF\xBF\xBD"),
              std::string(declaration) + "<x>a?z ???|\xEF\xBF\xBD</x>");
}

TEST(XmlWriter, keeps_all_other_text_as_it_is) {
    const std::string value = " \ttwo\r\nlines – ü\n";
    pugi::xml_document document;
    document.load_string(text_of(value).c_str(), pugi::parse_default | pugi::parse_ws_pcdata);

    EXPECT_EQ(document.child_value("x"), value);
}

TEST(XmlWriter, is_empty_once_its_document_was_taken) {
    XmlWriter xml;
    xml.text("x", "1");
    xml.take();

    EXPECT_EQ(xml.take(), "");
}

}  // namespace

}  // namespace kiln::api

#include "cli/output/image_difference_text.hpp"

#include <gtest/gtest.h>

#include "tests/golden.hpp"

namespace kiln::cli {

namespace {

constexpr const char* difference = R"(<CompareImagesResponse>
<fromImage><imageId>ami-00000001</imageId><name>web-v1</name><fileCount>20</fileCount><fileSize>4096</fileSize></fromImage>
<toImage><imageId>ami-00000002</imageId><name>web-v2</name><fileCount>21</fileCount><fileSize>2101248</fileSize></toImage>
<packages><added>1</added><removed>1</removed><changed>1</changed><truncated>false</truncated><changeSet>
<item><change>removed</change><name>apache2</name><architecture>amd64</architecture><fromVersion>2.4.62-1</fromVersion></item>
<item><change>added</change><name>nginx</name><architecture>amd64</architecture><toVersion>1.22.1-9</toVersion></item>
<item><change>changed</change><name>openssl</name><architecture>amd64</architecture><fromVersion>3.0.14-1</fromVersion><toVersion>3.0.15-1</toVersion></item>
</changeSet></packages>
<files><added>9001</added><removed>1</removed><changed>3</changed><truncated>true</truncated><changeSet>
<item><change>changed</change><path>/bin/su</path><detailSet><item>mode</item><item>owner</item></detailSet>
 <from><mode>100755</mode><owner>0:0</owner><size>100</size></from><to><mode>104755</mode><owner>1:0</owner><size>100</size></to></item>
<item><change>changed</change><path>/etc/motd</path><detailSet><item>content</item></detailSet>
 <from><mode>100644</mode><owner>0:0</owner><size>10</size></from><to><mode>100644</mode><owner>0:0</owner><size>3072</size></to></item>
<item><change>changed</change><path>/etc/same</path><detailSet><item>content</item></detailSet>
 <from><mode>100644</mode><owner>0:0</owner><size>10</size></from><to><mode>100644</mode><owner>0:0</owner><size>10</size></to></item>
<item><change>changed</change><path>/lib</path><detailSet><item>type</item></detailSet>
 <from><mode>040755</mode><owner>0:0</owner><size>4096</size></from><to><mode>120777</mode><owner>0:0</owner><size>7</size><target>usr/lib</target></to></item>
<item><change>added</change><path>/srv/a\xff</path><detailSet/><to><mode>100644</mode><owner>0:0</owner><size>2097152</size></to></item>
<item><change>removed</change><path>/srv/link</path><detailSet/><from><mode>120777</mode><owner>0:0</owner><size>6</size><target>/etc/x</target></from></item>
</changeSet></files></CompareImagesResponse>)";

TEST(ImageDifferenceText, has_a_summary_then_packages_then_files) {
    pugi::xml_document reply;
    ASSERT_TRUE(reply.load_string(difference));
    kiln::tests::expect_golden("difference.txt", image_difference_text(reply.first_child()));
}

TEST(ImageDifferenceText, says_when_packages_are_not_known_and_files_were_not_looked_at) {
    pugi::xml_document reply;
    ASSERT_TRUE(reply.load_string(
        "<R><fromImage><imageId>a</imageId><name>x</name><fileCount>0</fileCount></fromImage>"
        "<toImage><imageId>b</imageId><name>y</name><fileCount>0</fileCount></toImage><files/></"
        "R>"));
    EXPECT_EQ(image_difference_text(reply.first_child()),
              "a x -> b y\n\nPackages: not known of both images\n");
}

}  // namespace

}  // namespace kiln::cli

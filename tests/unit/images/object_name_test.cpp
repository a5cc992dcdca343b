#include "images/bundles/object_name.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.hpp"

namespace kiln::images {

namespace {

std::string code_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.code();
    }
    return "";
}

TEST(ObjectName, bucket_names_are_those_of_s3) {
    for (const std::string bucket :
         {"abc", "kiln-images", "a.b.c", "0ab", "ab9", "1.2.3", "1.2.3.4.5", "a--b"})
        EXPECT_EQ(code_of([&] { check_bucket_name(bucket); }), "") << bucket;
    EXPECT_EQ(code_of([&] { check_bucket_name(std::string(63, 'b')); }), "");
}

TEST(ObjectName, what_is_no_bucket_name_in_s3_is_refused) {
    for (const std::string& bucket : std::vector<std::string>{
             "", "ab", std::string(64, 'b'), "Abc", "a_b", "a b", "a/b", "..", "...", "-ab", "ab-",
             ".ab", "ab.", "a..b", "192.168.0.1", "äbc", std::string("a\0bc", 4), "abc\n"})
        EXPECT_EQ(code_of([&] { check_bucket_name(bucket); }), "InvalidBucketName") << bucket;
}

TEST(ObjectName, keys_are_up_to_1024_bytes_of_utf8_without_control_characters) {
    for (const std::string& key :
         std::vector<std::string>{"a", "a/b.c", "/", "..", "a b", "ü€𝄞", std::string(1024, 'k')})
        EXPECT_EQ(code_of([&] { check_object_key(key); }), "") << key;
    for (const std::string& key : std::vector<std::string>{"", "a\nb", "\x7f", "\x1b[31m",
                                                           std::string("a\0b", 3), "k\xff", "\xc3"})
        EXPECT_EQ(code_of([&] { check_object_key(key); }), "InvalidParameterValue") << key;
    EXPECT_EQ(code_of([&] { check_object_key(std::string(1025, 'k')); }), "KeyTooLongError");
}

}  // namespace

}  // namespace kiln::images

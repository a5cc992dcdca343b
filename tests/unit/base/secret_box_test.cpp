#include "base/secret_box.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::tests {

namespace {

class SecretBoxTest : public testing::Test {
  protected:
    std::filesystem::path file() const { return directory_.path() / "key"; }

  private:
    TemporaryDirectory directory_;
};

TEST_F(SecretBoxTest, what_is_sealed_is_opened_by_another_of_the_same_key) {
    const std::string sealed = SecretBox(file()).seal("open sesame", "door");
    EXPECT_EQ(SecretBox(file()).open(sealed, "door"), "open sesame");
    EXPECT_EQ(sealed.find("sesame"), std::string::npos);
    EXPECT_NE(SecretBox(file()).seal("open sesame", "door"), sealed) << "never twice the same";
    struct stat status {};
    ASSERT_EQ(::stat(file().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(SecretBoxTest, nothing_else_is_opened) {
    const SecretBox box(file());
    const std::string sealed = box.seal("open sesame", "door");
    EXPECT_THROW(box.open(sealed, "window"), Error);
    EXPECT_THROW(box.open("", "door"), Error);
    EXPECT_THROW(box.open("AAAA", "door"), Error);
    for (std::size_t i = 0; i + 1 < sealed.size(); i += 4) {
        std::string changed = sealed;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_THROW(box.open(changed, "door"), Error) << i;
    }
    std::filesystem::remove(file());
    EXPECT_THROW(SecretBox(file()).open(sealed, "door"), Error);
}

TEST_F(SecretBoxTest, a_file_that_is_no_key_is_refused_and_left_as_it_is) {
    write_file_atomically(file(), "not a key", 0600);
    EXPECT_THROW(SecretBox{file()}, Error);
    EXPECT_EQ(read_file(file()), "not a key");
}

}  // namespace

}  // namespace kiln::tests

#include "builder/offline/apt_sources.hpp"

#include <gmock/gmock.h>

#include "builder/offline/package_download.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::builder {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Texts = std::vector<std::string>;

TEST(ReadSources, a_line_is_taken_apart) {
    EXPECT_THAT(read_sources("a.list",
                             "# comment\n"
                             "deb http://deb.debian.org/debian bookworm main contrib # more\n"
                             "deb-src http://deb.debian.org/debian bookworm main\n"
                             "\n"
                             "deb [arch=amd64,i386 signed-by=/k.gpg] https://x.org/apt ./\n"),
                ElementsAre(AptSource{.uri = "http://deb.debian.org/debian",
                                      .suite = "bookworm",
                                      .components = {"main", "contrib"}},
                            AptSource{.architectures = {"amd64", "i386"},
                                      .signed_by = "/k.gpg",
                                      .uri = "https://x.org/apt",
                                      .suite = "./"}));
}

TEST(ReadSources, a_stanza_is_a_source_for_each_address_and_suite) {
    const auto sources = read_sources("a.sources",
                                      "# comment\n"
                                      "Types: deb deb-src\n"
                                      "URIs: http://one.org/debian https://two.org/debian\n"
                                      "Suites: bookworm bookworm-updates\n"
                                      "Components: main\n"
                                      "Signed-By: /usr/share/keyrings/k.gpg\n"
                                      "\n"
                                      "Enabled: no\n"
                                      "Types: deb\n"
                                      "URIs: http://three.org\n"
                                      "Suites: s\n");
    ASSERT_THAT(sources, SizeIs(4));
    EXPECT_EQ(sources[3].uri, "https://two.org/debian");
    EXPECT_EQ(sources[3].suite, "bookworm-updates");
    EXPECT_EQ(sources[3].components, Texts{"main"});
    EXPECT_EQ(sources[3].signed_by, "/usr/share/keyrings/k.gpg");
}

TEST(ReadSources, a_key_in_a_stanza_is_that_key) {
    const auto sources = read_sources("a.sources",
                                      "Types: deb\nURIs: http://one.org\nSuites: s\nSigned-By:\n"
                                      " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY\n"
                                      " -----END PGP PUBLIC KEY BLOCK-----\n");
    ASSERT_THAT(sources, SizeIs(1));
    EXPECT_EQ(sources[0].signed_by,
              "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEY\n"
              "-----END PGP PUBLIC KEY BLOCK-----\n");
}

TEST(ReadSources, nothing_leads_the_hosts_apt_to_the_hosts_files_or_programs) {
    for (const char* uri :
         {"file:///etc", "copy:/etc", "cdrom:[x]/", "ssh://host/", "rsh://host/",
          "mirror+file:/etc/shadow", "ftp://x.org/", "store:/x", "/etc", "http://localhost/",
          "http://127.0.0.1:3142/d", "http://169.254.169.254/", "https://[::1]/",
          "http://x@127.0.0.1/", "http://LocalHost/", "http://2130706433/", "http://0x7f.1:80/",
          "HTTP://0/"}) {
        EXPECT_THAT(read_sources("a.list", std::string("deb ") + uri + " s main\n"), IsEmpty())
            << uri;
    }
    EXPECT_THAT(
        read_sources("a.sources", "Types: deb\nURIs: file:///etc\nSuites: s\nComponents: main\n"),
        IsEmpty());
    EXPECT_THAT(read_sources("a.sources",
                             "Types: deb\nURIs: http://x.org/[a=b]\nSuites: s\nComponents: main\n"),
                IsEmpty());
    EXPECT_THAT(read_sources("notes.txt", "deb http://x.org s main\n"), IsEmpty());
    EXPECT_THAT(read_sources("a.list", "deb [arch=amd64 http://x.org s main\n"), IsEmpty());
}

TEST(ReadSources, there_are_no_more_than_anybody_needs) {
    std::string words;
    for (int i = 0; i < 1'000; ++i)
        words += " http://x.org/" + std::to_string(i);
    const auto read = [](const std::string& text) { read_sources("a.sources", text); };
    EXPECT_EQ(tests::error_code_of([&] {
                  read("Types: deb\nURIs:" + words + "\nSuites:" + words + "\nComponents: main\n");
              }),
              "BuildFailed");
    std::string stanzas;
    for (int i = 0; i < 300; ++i)
        stanzas += "Types: deb\nURIs: http://x.org\nSuites: s\nComponents: main\n\n";
    EXPECT_EQ(tests::error_code_of([&] { read(stanzas); }), "BuildFailed");
}

TEST(SourceLine, has_its_keys_where_they_are_now_and_no_architecture) {
    AptSource source{.architectures = {"amd64"},
                     .uri = "http://x.org/apt",
                     .suite = "s",
                     .components = {"main", "more"}};
    EXPECT_EQ(source_line(source, ""), "deb http://x.org/apt s main more\n");
    EXPECT_EQ(source_line(source, "/k.gpg"),
              "deb [signed-by=/k.gpg] http://x.org/apt s main more\n");
    source.is_trusted = true;
    EXPECT_EQ(source_line(source, ""), "deb [trusted=yes] http://x.org/apt s main more\n");
}

TEST(HasArchitecture, is_any_unless_some_are_named) {
    EXPECT_TRUE(has_architecture({}, "amd64"));
    EXPECT_TRUE(has_architecture({.architectures = {"i386", "amd64"}}, "amd64"));
    EXPECT_FALSE(has_architecture({.architectures = {"i386"}}, "amd64"));
}

TEST(AptConfiguration, names_no_place_of_the_hosts) {
    const std::string text = apt_configuration({.directory = "/work/p", .architecture = "i386"});
    for (const char* line :
         {"Dir::Etc \"/work/p/etc/\";", "Dir::State \"/work/p/state/\";",
          "Dir::State::status \"/work/p/status\";", "Dir::Cache \"/work/p/cache/\";",
          "APT::Architecture \"i386\";", "APT::Architectures { \"i386\"; };"}) {
        EXPECT_THAT(text, HasSubstr(line));
    }
}

TEST(MissingPackage, is_the_one_that_apt_names) {
    EXPECT_EQ(missing_package("W: x\nE: Unable to locate package ngnix\n"), "ngnix");
    EXPECT_EQ(missing_package("E: Package 'awscli2' has no installation candidate\n"), "awscli2");
    EXPECT_EQ(missing_package("E: Failed to fetch http://x  404\n"), "");
    EXPECT_EQ(missing_package(""), "");
}

}  // namespace

}  // namespace kiln::builder

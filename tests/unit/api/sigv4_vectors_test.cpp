#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "api/sigv4/canonical.hpp"
#include "api/sigv4/sigv4.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/places.hpp"

namespace kiln::sigv4::tests {

namespace {

/// The vectors lie beside the checkout: they are data of others.
const std::filesystem::path vectors =
    std::filesystem::path(kiln::tests::places::source_directory).parent_path() / "shared" / "sigv4";

std::string text_of(const std::filesystem::path& file) {
    std::string text = read_file(file);
    while (text.ends_with('\n'))
        text.pop_back();
    return text;
}

/// A request as the vectors write it: lines that begin with a space belong to the one before.
Request request_of(const std::string& text) {
    const std::size_t gap = text.find("\n\n");
    Request request;
    if (gap != std::string::npos) request.body = text.substr(gap + 2);
    std::vector<std::string> lines = split(text.substr(0, gap), '\n');
    const std::string first = lines.front();
    const std::size_t target = first.find(' ') + 1;
    const std::size_t version = first.rfind(" HTTP/");
    const std::string whole = first.substr(target, version - target);
    request.method = first.substr(0, target - 1);
    request.path = whole.substr(0, whole.find('?'));
    if (whole.find('?') != std::string::npos) request.query = whole.substr(whole.find('?') + 1);
    for (std::size_t i = 1; i < lines.size(); ++i) {
        if (lines[i].empty()) continue;
        if (lines[i].front() == ' ') {
            request.headers.back().value += "\n" + lines[i];
            continue;
        }
        const std::size_t colon = lines[i].find(':');
        request.headers.push_back(
            {.name = lines[i].substr(0, colon), .value = lines[i].substr(colon + 1)});
    }
    return request;
}

/// "get-vanilla header" and the like: each of the vectors in each of its forms.
std::vector<std::string> cases() {
    std::vector<std::string> all;
    if (!std::filesystem::is_directory(vectors)) return all;
    for (const auto& entry : std::filesystem::directory_iterator(vectors)) {
        if (!entry.is_directory()) continue;
        for (const char* form : {"header", "query"})
            all.push_back(entry.path().filename().string() + " " + form);
    }
    std::ranges::sort(all);
    return all;
}

struct Vector {
    explicit Vector(const std::string& name)
        : directory(vectors / name.substr(0, name.find(' '))),
          form(name.substr(name.find(' ') + 1)),
          request(request_of(read_file(directory / (form + "-signed-request.txt")))) {
        const auto context = nlohmann::json::parse(read_file(directory / "context.json"));
        secret = context.at("credentials").at("secret_access_key");
        style = {.normalizes_path = context.at("normalize"),
                 .signs_token = !context.value("omit_session_token", false)};
    }
    std::string expected(const char* what) const { return text_of(directory / (form + what)); }

    std::filesystem::path directory;
    std::string form;
    Request request;
    std::string secret;
    Style style;
};

class SigV4VectorsTest : public testing::TestWithParam<std::string> {};

TEST_P(SigV4VectorsTest, every_step_is_as_the_vector_has_it) {
    const Vector vector(GetParam());
    const Authorization authorization = parse_authorization(vector.request);
    const std::string canonical = canonical_request(vector.request, authorization, vector.style);
    EXPECT_EQ(canonical, vector.expected("-canonical-request.txt"));
    EXPECT_EQ(string_to_sign(authorization, canonical), vector.expected("-string-to-sign.txt"));
    EXPECT_EQ(authorization.signature, vector.expected("-signature.txt"));
    SigningKeys keys;
    verify(vector.request, authorization, vector.secret, keys, vector.style);
    EXPECT_THROW(verify(vector.request, authorization, vector.secret + "x", keys, vector.style),
                 Error);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SigV4VectorsTest);
INSTANTIATE_TEST_SUITE_P(table, SigV4VectorsTest, testing::ValuesIn(cases()), [](const auto& test) {
    std::string name = test.param;
    std::ranges::replace_if(
        name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
});

TEST(SigV4Vectors, are_beside_the_checkout) {
    if (cases().empty()) GTEST_SKIP() << "there are no vectors at " << vectors;
    constexpr std::size_t vector_count = 38;
    EXPECT_EQ(cases().size(), 2 * vector_count);
}

}  // namespace

}  // namespace kiln::sigv4::tests

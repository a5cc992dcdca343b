// The permission check of a launch, in turn with the same SQL as one statement of SQLite's own
// interface; see bench/permissions.

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/database.hpp"
#include "base/error.hpp"
#include "images/accounts/account.hpp"
#include "images/accounts/organization.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/migrations.hpp"
#include "images/catalog/permission.hpp"

namespace kiln {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int image_count = 10'000;
constexpr int grant_count = 1'000;
constexpr int rounds = 41;
constexpr int checks_per_round = 2'000;

struct Catalog {
    ImageId shared = ImageId::generate();
    AccountId owner = AccountId::generate();
    AccountId grantee = AccountId::generate();
    AccountId member = AccountId::generate();
    AccountId stranger = AccountId::generate();
};

void insert_account(Session& session, const AccountId& id) {
    images::insert_account(session, {.id = id, .name = "bench", .created = from_epoch_ms(0)});
}

Catalog fill(Session& session) {
    Catalog catalog;
    for (const AccountId& id : {catalog.owner, catalog.grantee, catalog.member, catalog.stranger})
        insert_account(session, id);
    for (int number = 0; number < image_count; ++number) {
        images::insert_image(session, {.id = number == 0 ? catalog.shared : ImageId::generate(),
                                       .owner = catalog.owner,
                                       .region = "local-1",
                                       .name = fmt::format("image-{}", number),
                                       .state = images::ImageState::available,
                                       .root_device_name = "/dev/sda1",
                                       .created = from_epoch_ms(number)});
    }
    for (int number = 2; number < grant_count; ++number) {
        const AccountId id = AccountId::generate();
        insert_account(session, id);
        images::grant(session, catalog.shared, id.str());
    }
    images::grant(session, catalog.shared, catalog.grantee.str());
    const auto organization = images::found_organization(session, catalog.owner, from_epoch_ms(0));
    const auto unit = images::create_unit(session, organization.root, "unit", from_epoch_ms(0));
    images::move_account(session, catalog.member, unit.id);
    images::grant(session, catalog.shared, images::unit_arn(organization, unit.id));
    return catalog;
}

/// The same question to SQLite itself: prepared once, bound and stepped each time.
class PlainSqlite {
  public:
    explicit PlainSqlite(const std::string& file) {
        check(sqlite3_open_v2(file.c_str(), &database_, SQLITE_OPEN_READONLY, nullptr));
        check(sqlite3_prepare_v2(
            database_,
            "select 1 where"
            " (exists (select 1 from image_permissions where image_id = ?1 and grantee = ?2)"
            "  or exists (select 1 from image_permissions where image_id = ?1 and grantee = 'all')"
            "  or exists (select 1 from account_arns cross join image_permissions"
            "   where account_arns.account_id = ?2 and image_permissions.image_id = ?1"
            "    and image_permissions.grantee = account_arns.arn))"
            " and not exists (select 1 from images join accounts"
            "  on accounts.account_id = images.owner"
            "  where images.image_id = ?1 and accounts.state = 'SUSPENDED')",
            -1, &statement_, nullptr));
        check(sqlite3_exec(database_, "begin", nullptr, nullptr, nullptr));
    }
    ~PlainSqlite() {
        sqlite3_finalize(statement_);
        sqlite3_close(database_);
    }
    PlainSqlite(const PlainSqlite&) = delete;
    PlainSqlite& operator=(const PlainSqlite&) = delete;

    bool is_shared_with(const ImageId& image, const AccountId& account) {
        bind(1, image.str());
        bind(2, account.str());
        const bool found = sqlite3_step(statement_) == SQLITE_ROW;
        check(sqlite3_reset(statement_));
        return found;
    }

  private:
    static void check(int result) {
        if (result == SQLITE_OK) return;
        throw Error(error_code::internal_error, "", sqlite3_errstr(result));
    }
    void bind(int place, const std::string& text) {
        check(sqlite3_bind_text(statement_, place, text.data(), static_cast<int>(text.size()),
                                SQLITE_TRANSIENT));
    }

    sqlite3* database_ = nullptr;
    sqlite3_stmt* statement_ = nullptr;
};

/// Nanoseconds of one check, each as the median of its rounds.
struct Figures {
    std::vector<double> kiln;
    std::vector<double> with_transaction;
    std::vector<double> plain;
};

double time_of_one(const std::function<bool()>& check, bool expected) {
    const auto started = Clock::now();
    for (int i = 0; i < checks_per_round; ++i) {
        if (check() != expected)
            throw Error(error_code::internal_error, "", "a check answers wrongly");
    }
    const std::chrono::duration<double, std::nano> time = Clock::now() - started;
    return time.count() / checks_per_round;
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values.at(values.size() / 2);
}

void measure(Database& database, PlainSqlite& plain, const Catalog& catalog, const char* name,
             const AccountId& account, bool expected) {
    Figures figures;
    for (int round = 0; round < rounds; ++round) {
        figures.plain.push_back(
            time_of_one([&] { return plain.is_shared_with(catalog.shared, account); }, expected));
        figures.kiln.push_back(database.read([&](Session& session) {
            return time_of_one(
                [&] { return images::is_shared_with(session, catalog.shared, account); }, expected);
        }));
        figures.with_transaction.push_back(time_of_one(
            [&] {
                return database.read([&](Session& session) {
                    return images::is_shared_with(session, catalog.shared, account);
                });
            },
            expected));
    }
    fmt::print("{}: {:.2f} us, with a transaction of its own {:.2f} us; SQLite alone {:.2f} us\n",
               name, median(figures.kiln) / 1000, median(figures.with_transaction) / 1000,
               median(figures.plain) / 1000);
}

int run(const std::filesystem::path& directory) {
    const std::string file = (directory / "catalog.sqlite").string();
    Database database(file);
    database.migrate(images::migrations());
    const Catalog catalog = database.write(fill);
    PlainSqlite plain(file);
    fmt::print("{} images, {} grants on one of them; medians of {} rounds of {} checks\n",
               image_count, grant_count, rounds, checks_per_round);
    measure(database, plain, catalog, "granted to the account", catalog.grantee, true);
    measure(database, plain, catalog, "granted to its unit", catalog.member, true);
    measure(database, plain, catalog, "a stranger", catalog.stranger, false);
    return 0;
}

}  // namespace
}  // namespace kiln

int main(int count, char** arguments) {
    if (count != 2) {
        fmt::print(stderr, "kiln_permission_check DIRECTORY\n");
        return 2;
    }
    try {
        return kiln::run(arguments[1]);
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
}

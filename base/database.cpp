#include "base/database.hpp"

#include <fmt/format.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <filesystem>
#include <mutex>
#include <optional>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/session.hpp"
#include "base/statement.hpp"

namespace kiln {

namespace {

constexpr int sqlite_full = 13;  // SQLITE_FULL; SOCI's header may not bring sqlite3.h's macros
constexpr int busy_timeout_s = 10;

[[noreturn]] void translate(const soci::sqlite3_soci_error& error) {
    if (error.result() == sqlite_full) {
        throw Error(error_code::insufficient_instance_capacity, "",
                    "the disk that holds the catalog is full: free some space and try again");
    }
    throw Error(error_code::internal_error, "", fmt::format("catalog: {}", error.what()));
}

std::unique_ptr<Session> open_session(const std::string& path) {
    if (path.find('"') != std::string::npos) {
        throw Error(error_code::internal_error, path,
                    fmt::format("cannot open the catalog '{}': its path must not hold a double "
                                "quote",
                                path));
    }
    // SOCI knows double quotes around a value, and nothing to escape one inside it.
    auto session =
        std::make_unique<Session>(fmt::format("dbname=\"{}\" timeout={}", path, busy_timeout_s));
    run_sql(*session, "pragma journal_mode = wal");
    run_sql(*session, "pragma synchronous = full");
    run_sql(*session, "pragma foreign_keys = on");
    run_sql(*session, "pragma cache_size = -16384");  // KiB: a catalog of 10,000 images fits
    return session;
}

}  // namespace

/// One session that writes, and idle sessions that read; a reader opens a new one when all are
/// busy.
class Database::Connections {
  public:
    explicit Connections(std::string path) : path_(std::move(path)), writer_(open_session(path_)) {}

    void write(const std::function<void(Session&)>& work) {
        const std::lock_guard lock(writer_mutex_);
        transact(*writer_, "begin immediate", work);
    }

    void read(const std::function<void(Session&)>& work) {
        const Reader reader(*this);
        transact(*reader.session, "begin", work);
    }

    const std::string& path() const { return path_; }

  private:
    /// A session that goes back when it is done, also where the work throws: opening one takes
    /// longer than most of what is read.
    struct Reader {
        explicit Reader(Connections& of) : connections(of), session(of.take_reader()) {}
        ~Reader() { connections.put_back(std::move(session)); }
        Reader(const Reader&) = delete;
        Reader& operator=(const Reader&) = delete;

        Connections& connections;
        std::unique_ptr<Session> session;
    };

    static void transact(Session& session, const char* begin,
                         const std::function<void(Session&)>& work) {
        run_sql(session, begin);
        try {
            work(session);
            run_sql(session, "commit");
        } catch (...) {
            roll_back(session);
            throw;
        }
    }

    static void roll_back(Session& session) noexcept {
        try {
            run_sql(session, "rollback");
        } catch (const std::exception&) {
            // SQLite has rolled back by itself, as it does on a full disk.
        }
    }

    std::unique_ptr<Session> take_reader() {
        {
            const std::lock_guard lock(readers_mutex_);
            if (!idle_readers_.empty()) {
                auto session = std::move(idle_readers_.back());
                idle_readers_.pop_back();
                return session;
            }
        }
        return open_session(path_);
    }

    void put_back(std::unique_ptr<Session> session) {
        const std::lock_guard lock(readers_mutex_);
        idle_readers_.push_back(std::move(session));
    }

    std::string path_;
    std::mutex writer_mutex_;
    std::unique_ptr<Session> writer_;
    std::mutex readers_mutex_;
    std::vector<std::unique_ptr<Session>> idle_readers_;
};

Database::Database(const std::string& path) {
    try {
        connections_ = std::make_unique<Connections>(path);
    } catch (const soci::soci_error& error) {
        throw Error(error_code::internal_error, path,
                    fmt::format("cannot open the catalog '{}': {}", path, error.what()));
    }
}

Database::~Database() = default;

void Database::run(Access access, const std::function<void(Session&)>& work) {
    try {
        access == Access::write ? connections_->write(work) : connections_->read(work);
    } catch (const soci::sqlite3_soci_error& error) {
        translate(error);
    } catch (const soci::soci_error& error) {
        throw Error(error_code::internal_error, "", fmt::format("catalog: {}", error.what()));
    }
}

namespace {

/// SOCI prepares one statement at a time.
void run_statements(Session& session, std::string_view sql) {
    constexpr std::string_view separator = ";\n";
    while (!sql.empty()) {
        const std::size_t end = sql.find(separator);
        const std::string statement(sql.substr(0, end));
        if (statement.find_first_not_of(" \n\t") != std::string::npos) run_sql(session, statement);
        if (end == std::string_view::npos) return;
        sql.remove_prefix(end + separator.size());
    }
}

int current_version(Session& session) {
    run_sql(session,
            "create table if not exists schema_migrations ("
            " version bigint primary key, name text not null)");
    Statement newest(session, "select max(version) from schema_migrations", {},
                     {ColumnType::number});
    return newest.next() ? static_cast<int>(newest.number(0)) : 0;
}

}  // namespace

void Database::migrate(const std::vector<Migration>& migrations) {
    int version = 0;
    write([&](Session& session) { version = current_version(session); });
    const int newest = migrations.empty() ? 0 : migrations.back().version;
    if (version > newest) {
        throw Error(error_code::internal_error, connections_->path(),
                    fmt::format("the catalog '{}' was written by a newer kiln (schema {}, this one "
                                "knows {}): use that one",
                                connections_->path(), version, newest));
    }
    if (version > 0 && version < newest) {
        const std::string backup = fmt::format("{}.schema-{}", connections_->path(), version);
        remove_file(backup);
        // VACUUM INTO writes a consistent copy; it cannot run inside a transaction.
        auto session = open_session(connections_->path());
        run_sql(*session, "vacuum into :backup", {{"backup", backup}});
    }
    for (const Migration& migration : migrations) {
        if (migration.version <= version) continue;
        write([&](Session& session) {
            run_statements(session, migration.sql);
            run_sql(session,
                    "insert into schema_migrations (version, name) values (:version, :name)",
                    {{"version", std::int64_t{migration.version}},
                     {"name", std::string(migration.name)}});
        });
    }
}

}  // namespace kiln

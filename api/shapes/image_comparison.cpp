#include "api/shapes/image_comparison.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/output/printable.hpp"
#include "api/shapes/common.hpp"

namespace kiln::api {

namespace {

using builder::Change;
using builder::ComparedImages;
using builder::FileChange;
using builder::FileEntry;
using builder::PackageChange;

struct Side {
    images::Image image;
    builder::DiskTotals totals;
};

/// Changes of one kind, of which only the first are listed.
template <class T>
struct Changes {
    std::vector<T> listed;
    std::int64_t added = 0;
    std::int64_t removed = 0;
    std::int64_t changed = 0;

    explicit Changes(const std::vector<T>& all)
        : listed(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(
                                                std::min(all.size(), most_listed_changes))),
          added(std::ranges::count(all, Change::added, &T::change)),
          removed(std::ranges::count(all, Change::removed, &T::change)),
          changed(std::ranges::count(all, Change::changed, &T::change)) {}

    std::int64_t count() const { return added + removed + changed; }
};

std::string word_of(Change change) {
    switch (change) {
        case Change::added:
            return "added";
        case Change::removed:
            return "removed";
        case Change::changed:
            return "changed";
    }
    return "";
}

template <class T>
void add_counts(Structure<Changes<T>>& s) {
    s.integer("Added", "added", [](const Changes<T>& c) { return c.added; })
        .integer("Removed", "removed", [](const Changes<T>& c) { return c.removed; })
        .integer("Changed", "changed", [](const Changes<T>& c) { return c.changed; })
        .boolean("Truncated", "truncated", [](const Changes<T>& c) {
            return c.count() > static_cast<std::int64_t>(c.listed.size());
        });
}

Structure<Side> side_structure() {
    return Structure<Side>()
        .text("ImageId", "imageId", [](const Side& s) { return s.image.id.str(); })
        .text("Name", "name", [](const Side& s) { return s.image.name; })
        .integer("FileCount", "fileCount",
                 [](const Side& s) { return static_cast<std::int64_t>(s.totals.files); })
        .integer("FileSize", "fileSize",
                 [](const Side& s) { return static_cast<std::int64_t>(s.totals.size.value); });
}

std::optional<std::string> printed(const std::string& bytes) {
    return if_any(printable(bytes));
}

Structure<Changes<PackageChange>> packages_structure() {
    using P = PackageChange;
    const auto item =
        Structure<P>()
            .text("Change", "change", [](const P& p) { return word_of(p.change); })
            .text("Name", "name", [](const P& p) { return printable(p.name); })
            .text("Architecture", "architecture",
                  [](const P& p) { return printed(p.architecture); })
            .text("FromVersion", "fromVersion", [](const P& p) { return printed(p.before); })
            .text("ToVersion", "toVersion", [](const P& p) { return printed(p.after); });
    Structure<Changes<P>> s;
    add_counts(s);
    s.list(
        "Changes", "changeSet", item, [](const Changes<P>& c) -> const auto& { return c.listed; });
    return s;
}

std::vector<std::string> details_of(const FileChange& change) {
    std::vector<std::string> details;
    if (change.type) details.emplace_back("type");
    if (change.content) details.emplace_back("content");
    if (change.mode) details.emplace_back("mode");
    if (change.owner) details.emplace_back("owner");
    if (change.target) details.emplace_back("target");
    return details;
}

Structure<FileEntry> entry_structure() {
    using E = FileEntry;
    return Structure<E>()
        .text("Mode", "mode", [](const E& e) { return fmt::format("{:06o}", e.mode); })
        .text("Owner", "owner", [](const E& e) { return fmt::format("{}:{}", e.uid, e.gid); })
        .integer("Size", "size", [](const E& e) { return static_cast<std::int64_t>(e.size); })
        .text("Target", "target", [](const E& e) { return printed(e.target); });
}

Structure<Changes<FileChange>> files_structure() {
    using F = FileChange;
    const auto entry = entry_structure();
    const auto item =
        Structure<F>()
            .text("Change", "change", [](const F& f) { return word_of(f.change); })
            .text("Path", "path", [](const F& f) { return printable(f.path()); })
            .text_list("Details", "detailSet", [](const F& f) { return details_of(f); })
            .structure("From", "from", entry, [](const F& f) { return f.before; })
            .structure("To", "to", entry, [](const F& f) { return f.after; });
    Structure<Changes<F>> s;
    add_counts(s);
    s.list(
        "Changes", "changeSet", item, [](const Changes<F>& c) -> const auto& { return c.listed; });
    return s;
}

Structure<ComparedImages> make_structure() {
    using C = ComparedImages;
    const auto side = side_structure();
    return Structure<C>()
        .structure("FromImage", "fromImage", side,
                   [](const C& c) {
                       return std::optional(Side{c.before, c.difference.before});
                   })
        .structure("ToImage", "toImage", side,
                   [](const C& c) {
                       return std::optional(Side{c.after, c.difference.after});
                   })
        .structure("Packages", "packages", packages_structure(),
                   [](const C& c) -> std::optional<Changes<PackageChange>> {
                       if (!c.difference.packages) return std::nullopt;
                       return Changes<PackageChange>(*c.difference.packages);
                   })
        .structure("Files", "files", files_structure(), [](const C& c) {
            return std::optional(Changes<FileChange>(c.difference.files));
        });
}

}  // namespace

const Structure<ComparedImages>& image_comparison_structure() {
    static const Structure<ComparedImages> structure = make_structure();
    return structure;
}

}  // namespace kiln::api

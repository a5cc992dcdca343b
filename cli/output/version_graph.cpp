#include "cli/output/version_graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>

namespace kiln::cli {

namespace {

constexpr std::array<std::string_view, 6> lane_colors{"\033[31m", "\033[32m", "\033[33m",
                                                      "\033[34m", "\033[35m", "\033[36m"};
constexpr std::string_view asked_color = "\033[1m";
constexpr std::string_view edge_color = "\033[2m";
constexpr std::string_view no_color = "\033[0m";

constexpr std::size_t none = static_cast<std::size_t>(-1);

/// Versions as a forest: who is made of whom, by their places in the list.
class Forest {
  public:
    explicit Forest(const std::vector<Version>& versions)
        : versions_(versions), parents_(versions.size(), none), children_(versions.size()) {
        std::unordered_map<std::string, std::size_t> places;
        for (std::size_t i = 0; i < versions.size(); ++i)
            places.emplace(versions[i].id, i);
        for (std::size_t i = 0; i < versions.size(); ++i) {
            const auto parent = places.find(versions[i].parent);
            if (parent == places.end() || parent->second == i) {
                roots_.push_back(i);
            } else {
                parents_[i] = parent->second;
                children_[parent->second].push_back(i);
            }
        }
        order();
    }

    const std::vector<std::size_t>& roots() const { return roots_; }
    const std::vector<std::size_t>& children(std::size_t of) const { return children_[of]; }
    bool has_parent(std::size_t version) const { return parents_[version] != none; }

  private:
    /// Branches whose newest version is newer come first.
    void order() {
        std::vector<std::string> newest;
        newest.reserve(versions_.size());
        for (const Version& version : versions_)
            newest.push_back(version.order);
        for (const std::size_t version : parents_first()) {
            for (std::size_t above = parents_[version]; above != none; above = parents_[above]) {
                if (newest[above] >= versions_[version].order) break;
                newest[above] = versions_[version].order;
            }
        }
        const auto is_before = [&](std::size_t a, std::size_t b) {
            return std::pair(newest[b], versions_[b].id) < std::pair(newest[a], versions_[a].id);
        };
        std::ranges::sort(roots_, is_before);
        for (auto& children : children_)
            std::ranges::sort(children, is_before);
    }

    std::vector<std::size_t> parents_first() const {
        std::vector<std::size_t> reached = roots_;
        for (std::size_t i = 0; i < reached.size(); ++i)
            std::ranges::copy(children_[reached[i]], std::back_inserter(reached));
        return reached;
    }

    const std::vector<Version>& versions_;
    std::vector<std::size_t> parents_;
    std::vector<std::size_t> roots_;
    std::vector<std::vector<std::size_t>> children_;
};

/// Draws lines with as many lanes on the left as there are branches that go on downwards.
class Pen {
  public:
    explicit Pen(bool with_color) : with_color_(with_color) {}

    void version(std::size_t lane, const Version& version) {
        lanes(lane);
        out_ += "* ";
        out_ += version.is_asked ? colored(version.text, asked_color) : version.text;
        end();
    }
    /// Its lane goes on to the parent, or it joins the one on its left, or it ends here.
    enum class Way { on, join, end };
    void edge(std::size_t lane, const std::string& text, Way way) {
        if (text.empty() && way != Way::join) return;
        if (way == Way::join) {
            lanes(lane - 1);
            out_ += colored("|/", color_of(lane - 1)) + "  ";
        } else {
            lanes(lane);
            out_ += way == Way::on ? colored("|", color_of(lane)) + " " : "  ";
        }
        out_ += colored(text, edge_color);
        end();
    }
    std::string take() { return std::move(out_); }

  private:
    static std::string_view color_of(std::size_t lane) {
        return lane_colors[lane % lane_colors.size()];
    }
    std::string colored(const std::string& text, std::string_view color) const {
        if (!with_color_ || text.empty()) return text;
        return fmt::format("{}{}{}", color, text, no_color);
    }
    void lanes(std::size_t count) {
        for (std::size_t lane = 0; lane < count; ++lane)
            out_ += colored("|", color_of(lane)) + " ";
    }
    void end() {
        while (out_.ends_with(' '))
            out_.pop_back();
        out_ += '\n';
    }

    bool with_color_;
    std::string out_;
};

/// A version whose branches are being drawn: `next` is the child whose turn it is.
struct Drawn {
    std::size_t version;
    std::size_t lane;
    std::size_t next = 0;
    bool joins = false;  // a lane of the same parent is on its left
};

void draw_end(Pen& pen, const Drawn& drawn, const Version& version, bool has_parent) {
    pen.version(drawn.lane, version);
    const Pen::Way way = !has_parent ? Pen::Way::end : drawn.joins ? Pen::Way::join : Pen::Way::on;
    pen.edge(drawn.lane, version.edge, way);
}

/// Without recursion: a line of versions may be very long.
void draw_tree(Pen& pen, const Forest& forest, const std::vector<Version>& versions,
               std::size_t root) {
    std::vector<Drawn> open{{.version = root, .lane = 0}};
    while (!open.empty()) {
        Drawn& top = open.back();
        const auto& children = forest.children(top.version);
        if (top.next < children.size()) {
            const bool joins = top.next > 0;
            const std::size_t child = children[top.next++];
            open.push_back({.version = child, .lane = top.lane + (joins ? 1 : 0), .joins = joins});
        } else {
            draw_end(pen, top, versions[top.version], forest.has_parent(top.version));
            open.pop_back();
        }
    }
}

}  // namespace

std::string version_graph(const std::vector<Version>& versions, bool with_color) {
    const Forest forest(versions);
    Pen pen(with_color);
    for (const std::size_t root : forest.roots())
        draw_tree(pen, forest, versions, root);
    return pen.take();
}

}  // namespace kiln::cli

#pragma once

#include <string>
#include <vector>

namespace kiln::cli {

/// A version in a graph. Texts may hold no control characters.
struct Version {
    std::string id;
    std::string parent;  // id of what it was made of; empty: nothing
    std::string order;   // of two, the newer one has the greater: "2026-11-30T12:00:00.000Z"
    std::string text;    // what is said of it, on its line
    std::string edge;    // how it came to be, on the way to its parent: "captured from i-12"
    bool is_asked = false;
};

/// The versions as a graph, newest first, as `git log --graph` draws it: a line for each version
/// and one for how it came to be. What was made of a version stands above it; the branch with the
/// newest version goes on downwards, others join it. Parents that are not among the versions end
/// their branches. With colors as ANSI escapes.
std::string version_graph(const std::vector<Version>& versions, bool with_color);

}  // namespace kiln::cli

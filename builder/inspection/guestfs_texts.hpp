#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::builder {

/// A text that libguestfs allocated; empty for what it does not know.
inline std::string take(char* text) {
    const std::unique_ptr<char, decltype(&std::free)> owned(text, &std::free);
    if (!owned || std::string_view(owned.get()) == "unknown") return "";
    return owned.get();
}

/// A list of texts, ended by a null pointer; empty where it failed.
inline std::vector<std::string> take_list(char** list) {
    std::vector<std::string> texts;
    for (char** text = list; text != nullptr && *text != nullptr; ++text) {
        texts.emplace_back(*text);
        std::free(*text);
    }
    std::free(list);
    return texts;
}

}  // namespace kiln::builder

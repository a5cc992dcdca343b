#include "cli/options/shorthand.hpp"

#include <fmt/format.h>

#include <cctype>

#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr int max_nesting = 8;

class ShorthandParser {
  public:
    explicit ShorthandParser(std::string_view text) : text_(text) {}

    Json parse() {
        Json object = members();
        if (!at_end()) refuse(fmt::format("unexpected '{}'", text_[position_]));
        return object;
    }

  private:
    /// key=value,key=value…
    Json members() {
        Json object = Json::object();
        while (true) {
            const std::string key = read_key();
            if (object.contains(key)) refuse(fmt::format("'{}' is given twice", key));
            object[key] = value_or_list();
            if (!take(',')) return object;
        }
    }

    /// A value, or a,b,c up to the next key.
    Json value_or_list() {
        Json first = value();
        if (!comma_goes_on_with_value()) return first;
        Json list = Json::array({std::move(first)});
        while (comma_goes_on_with_value()) {
            ++position_;
            list.push_back(value());
        }
        return list;
    }

    Json value() {
        skip_blanks();
        if (take('[')) return nested([this] { return list(); });
        if (take('{')) return nested([this] { return object(); });
        if (peek() == '"' || peek() == '\'') return quoted();
        return plain();
    }

    template <class Parse>
    Json nested(const Parse& parse) {
        if (++nesting_ > max_nesting) refuse("it is nested too deeply");
        Json parsed = parse();
        --nesting_;
        return parsed;
    }

    Json list() {
        Json items = Json::array();
        skip_blanks();
        if (take(']')) return items;
        do {
            items.push_back(value());
            skip_blanks();
        } while (take(','));
        if (!take(']')) refuse("']' is missing");
        return items;
    }

    Json object() {
        skip_blanks();
        if (take('}')) return Json::object();
        Json inner = members();
        skip_blanks();
        if (!take('}')) refuse("'}' is missing");
        return inner;
    }

    std::string quoted() {
        const char quote = text_[position_++];
        std::string text;
        while (!at_end() && peek() != quote)
            text += read_character();
        if (!take(quote)) refuse(fmt::format("the closing {} is missing", quote));
        skip_blanks();
        return text;
    }

    std::string plain() {
        std::string text;
        while (!at_end() && peek() != ',' && !(nesting_ > 0 && (peek() == ']' || peek() == '}')))
            text += read_character();
        return text;
    }

    char read_character() {
        if (peek() == '\\' && position_ + 1 < text_.size()) ++position_;
        return text_[position_++];
    }

    std::string read_key() {
        skip_blanks();
        const std::size_t length = key_length(position_);
        if (length == 0) refuse("a name and '=' are expected");
        std::string key(text_.substr(position_, length));
        position_ += length + 1;
        return key;
    }

    /// The length of the name at `begin` when '=' follows it, else 0.
    std::size_t key_length(std::size_t begin) const {
        std::size_t end = begin;
        while (end < text_.size() && is_key_character(text_[end]))
            ++end;
        return end < text_.size() && text_[end] == '=' ? end - begin : 0;
    }

    static bool is_key_character(char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ||
               c == '.' || c == ':' || c == '/' || c == '#';
    }

    bool comma_goes_on_with_value() const {
        if (peek() != ',') return false;
        std::size_t next = position_ + 1;
        while (next < text_.size() && text_[next] == ' ')
            ++next;
        return key_length(next) == 0;
    }

    bool at_end() const { return position_ >= text_.size(); }
    char peek() const { return at_end() ? '\0' : text_[position_]; }
    bool take(char c) {
        if (at_end() || text_[position_] != c) return false;
        ++position_;
        return true;
    }
    void skip_blanks() {
        while (peek() == ' ' || peek() == '\n')
            ++position_;
    }

    [[noreturn]] void refuse(const std::string& why) const {
        refuse_usage(
            fmt::format("cannot read '{}': {} at character {}", text_, why, position_ + 1));
    }

    std::string_view text_;
    std::size_t position_ = 0;
    int nesting_ = 0;
};

}  // namespace

Json parse_shorthand(std::string_view text) {
    return ShorthandParser(text).parse();
}

}  // namespace kiln::cli

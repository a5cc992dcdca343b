#include "cli/output/json.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cstring>

#include "cli/output/field_path.hpp"

namespace kiln::cli {

using api::OutputField;
using api::OutputKind;
using api::OutputShape;

namespace {

constexpr std::size_t indentation = 4;
constexpr std::size_t part_bytes = 64U << 10U;

/// Only what JSON has for a number goes out without quotes.
bool is_integer(std::string_view text) {
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    return !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos &&
           (digits.size() == 1 || digits.front() != '0');
}

/// Writes text straight from the response's nodes: a document tree in between would cost more
/// than the rest of the program for a response of 10,000 images.
class JsonWriter {
  public:
    explicit JsonWriter(const std::function<void(std::string_view)>& print) : print_(print) {}

    void write(pugi::xml_node response, const OutputShape& shape) {
        object(response, shape);
        json_ += '\n';
        print_(json_);
    }

  private:
    void object(pugi::xml_node node, const OutputShape& shape) {
        Block block(*this, '{', '}');
        // The elements come in the order of the shape, so each search begins where the last ended.
        std::size_t next = 0;
        for (const pugi::xml_node child : node.children()) {
            const OutputField* field = find_field(shape, child.name(), next);
            if (field == nullptr) continue;  // requestId
            block.next_line();
            append_json_string(json_, field->name);
            json_ += ": ";
            value(child, *field);
        }
    }

    /// The brackets around some lines, and the commas between them.
    class Block {
      public:
        Block(JsonWriter& writer, char open, char close) : writer_(writer), close_(close) {
            writer_.json_ += open;
            writer_.depth_ += indentation;
        }
        Block(const Block&) = delete;
        Block& operator=(const Block&) = delete;
        ~Block() {
            writer_.depth_ -= indentation;
            if (!empty_) writer_.new_line();
            writer_.json_ += close_;
        }
        void next_line() {
            if (!empty_) writer_.json_ += ',';
            writer_.print_full_part();
            empty_ = false;
            writer_.new_line();
        }

      private:
        JsonWriter& writer_;
        char close_;
        bool empty_ = true;
    };

    static const OutputField* find_field(const OutputShape& shape, const char* wire,
                                         std::size_t& next) {
        const std::size_t count = shape.fields.size();
        for (std::size_t tried = 0; tried < count; ++tried) {
            const OutputField& field = shape.fields[(next + tried) % count];
            if (std::strcmp(field.wire.c_str(), wire) != 0) continue;
            next = (next + tried + 1) % count;
            return &field;
        }
        return nullptr;
    }

    void value(pugi::xml_node node, const OutputField& field) {
        switch (field.kind) {
            case OutputKind::text:
                append_json_string(json_, node.child_value());
                break;
            case OutputKind::encoded_text:
                append_json_string(json_, scalar_text({node, &field}));
                break;
            case OutputKind::integer:
                number(node.child_value());
                break;
            case OutputKind::boolean:
                json_ += std::strcmp(node.child_value(), "true") == 0 ? "true" : "false";
                break;
            case OutputKind::structure:
                object(node, *field.shape);
                break;
            case OutputKind::text_list:
            case OutputKind::structure_list:
                list(node, field);
                break;
        }
    }

    void number(const char* text) {
        if (is_integer(text)) {
            json_ += text;
        } else {
            append_json_string(json_, text);
        }
    }

    void list(pugi::xml_node node, const OutputField& field) {
        Block block(*this, '[', ']');
        for (const pugi::xml_node item : node.children()) {
            block.next_line();
            if (field.kind == OutputKind::structure_list) {
                object(item, *field.shape);
            } else {
                append_json_string(json_, item.child_value());
            }
        }
    }

    void print_full_part() {
        if (json_.size() < part_bytes) return;
        print_(json_);
        json_.clear();
    }

    void new_line() {
        json_ += '\n';
        json_.append(depth_, ' ');
    }

    const std::function<void(std::string_view)>& print_;
    std::string json_;
    std::size_t depth_ = 0;
};

}  // namespace

void append_json_string(std::string& json, std::string_view text) {
    json += '"';
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) continue;
        json.append(text, begin, i - begin);
        begin = i + 1;
        switch (c) {
            case '"':
                json += "\\\"";
                break;
            case '\\':
                json += "\\\\";
                break;
            case '\n':
                json += "\\n";
                break;
            case '\r':
                json += "\\r";
                break;
            case '\t':
                json += "\\t";
                break;
            default:
                json += fmt::format("\\u{:04x}", c);
        }
    }
    json.append(text, begin);
    json += '"';
}

void print_json(pugi::xml_node response, const OutputShape& shape,
                const std::function<void(std::string_view)>& print) {
    JsonWriter(print).write(response, shape);
}

std::string json_of(pugi::xml_node response, const OutputShape& shape) {
    std::string json;
    print_json(response, shape, [&](std::string_view part) { json += part; });
    return json;
}

}  // namespace kiln::cli

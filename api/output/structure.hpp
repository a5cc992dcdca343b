#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/output/xml_writer.hpp"
#include "base/text.hpp"

namespace kiln::api {

enum class OutputKind {
    text,
    encoded_text,  // base64 on the wire; the CLI shows what it encodes
    integer,
    boolean,
    structure,
    text_list,
    structure_list
};

struct OutputShape;

/// One field of a response: its name in SDKs and in JSON ("ImageId"), its XML element ("imageId").
struct OutputField {
    std::string name;
    std::string wire;
    OutputKind kind;
    std::shared_ptr<const OutputShape> shape = nullptr;  // of structures
};
struct OutputShape {
    std::vector<OutputField> fields;
};

/// How a T is answered: each field is declared once, with both of its names and the function that
/// takes it from a T. The service writes XML by it, with the one name or the other as the protocol
/// has it; the CLI reads that XML back by its shape. A getter may return an optional: nothing is
/// written for nullopt.
template <class T>
class Structure {
  public:
    template <class Get>
    Structure& text(std::string name, std::string wire, Get get) {
        return scalar(
            std::move(name), std::move(wire), OutputKind::text,
            [get = std::move(get)](const T& value) { return to_optional_text(get(value)); });
    }
    /// `get` returns bytes that no XML text could hold, such as a console's output.
    template <class Get>
    Structure& encoded_text(std::string name, std::string wire, Get get) {
        return scalar(std::move(name), std::move(wire), OutputKind::encoded_text,
                      [get = std::move(get)](const T& value) -> std::optional<std::string> {
                          return base64_encode(get(value));
                      });
    }
    template <class Get>
    Structure& integer(std::string name, std::string wire, Get get) {
        return scalar(
            std::move(name), std::move(wire), OutputKind::integer,
            [get = std::move(get)](const T& value) { return to_optional_text(get(value)); });
    }
    template <class Get>
    Structure& boolean(std::string name, std::string wire, Get get) {
        return scalar(std::move(name), std::move(wire), OutputKind::boolean,
                      [get = std::move(get)](const T& value) -> std::optional<std::string> {
                          const std::optional<bool> flag = get(value);
                          if (!flag) return std::nullopt;
                          return *flag ? "true" : "false";
                      });
    }
    /// `get` returns a Part or std::optional<Part>.
    template <class Part, class Get>
    Structure& structure(std::string name, std::string wire, const Structure<Part>& part, Get get) {
        add(name, wire, OutputKind::structure, part.shape(),
            [name, wire, part, get = std::move(get)](XmlWriter& xml, const T& value) {
                const std::optional<Part> found = get(value);
                if (!found) return;
                const std::string_view element = xml.element(name, wire);
                xml.open(element);
                part.write(xml, *found);
                xml.close(element);
            });
        return *this;
    }
    /// `get` returns a std::vector<Item>, by value or reference; <wire><item>…</item></wire>.
    template <class Item, class Get>
    Structure& list(std::string name, std::string wire, const Structure<Item>& item, Get get) {
        add(name, wire, OutputKind::structure_list, item.shape(),
            [name, wire, item, get = std::move(get)](XmlWriter& xml, const T& value) {
                const std::string_view list = xml.element(name, wire);
                xml.open(list);
                for (const Item& each : get(value)) {
                    xml.open(xml.list_item());
                    item.write(xml, each);
                    xml.close(xml.list_item());
                }
                xml.close(list);
            });
        return *this;
    }
    /// `item_wire`: what protocol ec2 calls the items, where that is not "item".
    template <class Get>
    Structure& text_list(std::string name, std::string wire, Get get,
                         std::string item_wire = "item") {
        add(name, wire, OutputKind::text_list, nullptr,
            [name, wire, item_wire, get = std::move(get)](XmlWriter& xml, const T& value) {
                const std::string_view list = xml.element(name, wire);
                const std::string_view item = xml.element(xml.list_item(), item_wire);
                xml.open(list);
                for (const std::string& text : get(value))
                    xml.text(item, text);
                xml.close(list);
            });
        return *this;
    }

    /// Writes the fields, into the element that the caller opened.
    void write(XmlWriter& xml, const T& value) const {
        for (const auto& writer : *writers_)
            writer(xml, value);
    }
    std::shared_ptr<const OutputShape> shape() const { return shape_; }

  private:
    using Writer = std::function<void(XmlWriter&, const T&)>;

    static std::optional<std::string> to_optional_text(std::optional<std::string> text) {
        return text;
    }
    static std::optional<std::string> to_optional_text(std::optional<std::int64_t> number) {
        if (!number) return std::nullopt;
        return std::to_string(*number);
    }

    template <class Get>
    Structure& scalar(std::string name, std::string wire, OutputKind kind, Get get) {
        add(name, wire, kind, nullptr,
            [name, wire, get = std::move(get)](XmlWriter& xml, const T& value) {
                const std::optional<std::string> text = get(value);
                if (text) xml.text(xml.element(name, wire), *text);
            });
        return *this;
    }
    void add(std::string name, std::string wire, OutputKind kind,
             std::shared_ptr<const OutputShape> shape, Writer writer) {
        shape_->fields.push_back({std::move(name), std::move(wire), kind, std::move(shape)});
        writers_->push_back(std::move(writer));
    }

    // Shared, so that a copy inside another structure costs nothing.
    std::shared_ptr<OutputShape> shape_ = std::make_shared<OutputShape>();
    std::shared_ptr<std::vector<Writer>> writers_ = std::make_shared<std::vector<Writer>>();
};

/// A response that only says that it was done: <return>true</return>.
struct Done {};
Structure<Done> done_structure();

}  // namespace kiln::api

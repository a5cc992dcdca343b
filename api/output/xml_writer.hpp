#pragma once

#include <string>
#include <string_view>

#include "api/protocol/web_service.hpp"

namespace kiln::api {

/// Writes an XML document from its front to its end, straight into its text: a tree of nodes in
/// between costs more than all else that a response of 10,000 images needs. The caller closes what
/// it opened, innermost first.
class XmlWriter {
  public:
    explicit XmlWriter(Protocol protocol = Protocol::ec2) : protocol_(protocol) {}

    /// Which of an element's two names the protocol has.
    std::string_view element(std::string_view name, std::string_view wire) const {
        return protocol_ == Protocol::ec2 ? wire : name;
    }
    /// What it calls the elements of a list.
    std::string_view list_item() const { return protocol_ == Protocol::ec2 ? "item" : "member"; }

    /// <name>, or <name xmlns="…">, which is taken as it is.
    void open(std::string_view name, std::string_view xml_namespace = {});
    void close(std::string_view name);
    /// <name>value</name>, with '?' for what is not UTF-8 and for characters that no XML 1.0
    /// document may hold.
    void text(std::string_view name, std::string_view value);

    /// The document so far, with its declaration. The writer is empty afterwards.
    std::string take();

  private:
    Protocol protocol_;
    std::string document_;
};

}  // namespace kiln::api

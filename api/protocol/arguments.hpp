#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/protocol/parameter.hpp"

namespace kiln::api {

/// A text of a request in a place where an image's alias may stand.
struct ImageMention {
    std::string text;
    ImageUse use = ImageUse::image;
    std::string region;  // empty: the request's
};
/// The text that stands in its place then.
using ResolveMention = std::function<std::string(const ImageMention&)>;

/// The arguments of one request, checked against the action's parameters. Names are wire names. A
/// list keeps the order of its indices.
class Arguments {
  public:
    bool has(std::string_view wire) const;
    /// nullopt when absent, and when empty: clients send empty strings for what they leave out.
    std::optional<std::string> text(std::string_view wire) const;
    /// Present and empty counts as present (NoDevice).
    std::optional<std::string> text_or_empty(std::string_view wire) const;
    /// Of a parameter that is declared required, so it is there.
    std::string required_text(std::string_view wire) const;
    std::optional<std::int64_t> integer(std::string_view wire) const;
    std::optional<bool> boolean(std::string_view wire) const;
    std::vector<std::string> texts(std::string_view wire) const;
    std::vector<Arguments> structures(std::string_view wire) const;
    /// An empty Arguments when it is absent.
    Arguments structure(std::string_view wire) const;

    /// Puts what `resolve` returns in the place of each text that the parameters, by which these
    /// arguments were read, let be an alias of an image.
    void resolve_images(const std::vector<Parameter>& parameters, const ResolveMention& resolve);
    /// The AMI id in the request in whose place resolve_images() has put this one; nullopt: none.
    std::optional<std::string> asked_image(const std::string& resolved) const;

  private:
    friend Arguments parse_arguments(const std::vector<Parameter>&,
                                     const std::vector<std::pair<std::string, std::string>>&);
    friend class ArgumentParser;

    void resolve_texts(const Parameter& parameter, const ResolveMention& resolve);

    std::map<std::string, std::string, std::less<>> texts_;
    std::map<std::string, std::vector<std::string>, std::less<>> lists_;
    std::map<std::string, Arguments, std::less<>> structures_;
    std::map<std::string, std::vector<Arguments>, std::less<>> structure_lists_;
    std::map<std::string, std::string, std::less<>> asked_images_;  // by what they stood for
};

/// Reads the decoded pairs of a Query request ("BlockDeviceMapping.1.Ebs.VolumeSize" = "8"; Action
/// and Version are not among them). Throws Error with UnknownParameter (and the nearest known one),
/// MissingParameter, or InvalidParameterValue. List indices need not be dense.
Arguments parse_arguments(const std::vector<Parameter>& parameters,
                          const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace kiln::api

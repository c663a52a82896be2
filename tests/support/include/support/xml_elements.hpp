#pragma once

#include <cctype>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nj::testing {

/// An element of an XML text.
struct XmlElement {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string text;        ///< its own, without entities
  std::size_t parent = 0;  ///< position in the list; of the first, itself

  [[nodiscard]] double number(const std::string& attribute) const {
    return std::stod(attributes.at(attribute));
  }
};

/// Reads elements, attributes in double quotes, text and the four entities; what else XML has is
/// not there. Throws: std::runtime_error where a text is not well-formed.
class XmlElements {
 public:
  explicit XmlElements(std::string_view text) : rest_(text) {
    std::vector<std::size_t> open;
    skip_space();
    while (!rest_.empty()) {
      if (rest_.front() != '<') {
        require(!open.empty(), "text outside of the root");
        elements_[open.back()].text += content("<");
      } else if (take("</")) {
        require(!open.empty() && name() == elements_[open.back()].name, "another end tag");
        require(take(">"), "no end of the end tag");
        open.pop_back();
      } else {
        require(!open.empty() || elements_.empty(), "two roots");
        rest_.remove_prefix(1);
        const std::size_t parent = open.empty() ? 0 : open.back();
        open.push_back(elements_.size());
        elements_.push_back({name(), {}, {}, parent});
        if (take_attributes(elements_.back())) open.pop_back();
      }
      if (open.empty()) skip_space();
    }
    require(open.empty() && !elements_.empty(), "no end tag");
  }

  /// In the order of their start tags.
  [[nodiscard]] const std::vector<XmlElement>& all() const { return elements_; }

 private:
  static void require(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
  }
  void skip_space() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front())) != 0) {
      rest_.remove_prefix(1);
    }
  }
  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  std::string name() {
    std::string text;
    while (!rest_.empty() &&
           (std::isalnum(static_cast<unsigned char>(rest_.front())) != 0 || rest_.front() == '-')) {
      text += rest_.front();
      rest_.remove_prefix(1);
    }
    require(!text.empty(), "no name");
    return text;
  }
  char entity() {
    if (take("&amp;")) return '&';
    if (take("&lt;")) return '<';
    if (take("&gt;")) return '>';
    require(take("&quot;"), "an unknown entity");
    return '"';
  }
  /// Up to an end that is not taken.
  std::string content(std::string_view end) {
    std::string text;
    while (!rest_.empty() && !rest_.starts_with(end)) {
      require(rest_.front() != '<', "< in a value");
      if (rest_.front() != '&') {
        text += rest_.front();
        rest_.remove_prefix(1);
      } else {
        text += entity();
      }
    }
    return text;
  }
  /// Whether the element has no content.
  bool take_attributes(XmlElement& element) {
    for (;;) {
      skip_space();
      if (take("/>")) return true;
      if (take(">")) return false;
      const std::string key = name();
      require(take("=\""), "no value");
      require(element.attributes.emplace(key, content("\"")).second, "an attribute twice");
      require(take("\""), "no end of a value");
    }
  }

  std::string_view rest_;
  std::vector<XmlElement> elements_;
};

}  // namespace nj::testing

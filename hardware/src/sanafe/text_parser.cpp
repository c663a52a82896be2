#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/plain_text.hpp"

#include "flow_parser.hpp"
#include "netlist_parser.hpp"
#include "text_tree.hpp"

namespace nj::sanafe {

namespace {

constexpr std::uint64_t max_file_bytes = std::uint64_t{1} << 30;

}  // namespace

/// Recursive descent over YAML.
class TextParser : FlowParser {
 public:
  explicit TextParser(TextTree& tree) : FlowParser(tree) {}

  void parse() {
    skip_byte_order_mark();
    next_token();
    if (rest().starts_with("---")) {
      at_ += 3;
      next_token();
    }
    const std::uint32_t root = add(none, at_);
    if (!at_end()) block_node(root, 0);
    if (rest().starts_with("...")) {
      at_ += 3;
      next_token();
    }
    if (!at_end()) {
      fail(at_, rest().starts_with("---") ? "holds more than one document"
                                          : "expected the end, or another key here");
    }
  }

 private:
  [[nodiscard]] std::size_t column() const { return at_ - line_; }

  void end_line() {
    skip_spaces();
    if (!at_line_end()) fail(at_, "expected the end of the line");
    next_token();
  }

  [[nodiscard]] bool at_dash() const {
    return peek() == '-' && (is_space(peek(1)) || peek(1) == '\n' || peek(1) == '\r');
  }

  /// What starts here and is indented by at least `indent`.
  void block_node(std::uint32_t index, std::size_t indent) {
    if (column() < indent) return;
    deeper();
    if (at_dash()) {
      block_sequence(index, column());
    } else if (at_key()) {
      block_map(index, column());
    } else {
      inline_value(index, false);
      end_line();
    }
    --depth_;
  }

  void block_sequence(std::uint32_t index, std::size_t indent) {
    node(index).kind = Kind::sequence;
    std::uint32_t last = none;
    while (!at_end() && column() == indent && at_dash()) {
      ++at_;
      skip_spaces();
      const std::uint32_t child = append(index, last, at_);
      if (at_line_end()) next_token();
      if (at_end() || column() <= indent) continue;  // nothing behind the dash
      node(child).begin = static_cast<std::uint32_t>(at_);
      block_node(child, indent + 1);
    }
    if (!at_end() && column() > indent) fail(at_, "indented deeper than its list");
  }

  void block_map(std::uint32_t index, std::size_t indent) {
    node(index).kind = Kind::map;
    std::uint32_t last = none;
    Keys keys(*this, index);
    while (!at_end() && column() == indent && !rest().starts_with("...") &&
           !rest().starts_with("---")) {
      if (at_dash()) return;  // the list around this map goes on
      const std::size_t place = at_;
      const Word key = word(false);
      skip_spaces();
      if (peek() != ':') fail(place, "expected a key and a colon");
      ++at_;
      const std::uint32_t child = append(index, last, place);
      set_key(child, key);
      keys.check(child, place);
      map_value(child, indent);
    }
    if (!at_end() && column() > indent) fail(at_, "indented deeper than its map");
  }

  void map_value(std::uint32_t child, std::size_t indent) {
    skip_spaces();
    if (!at_line_end()) {
      inline_value(child, false);
      end_line();
      return;
    }
    next_token();
    if (at_end()) return;
    node(child).begin = static_cast<std::uint32_t>(at_);
    // A list may stand right below its key.
    if (column() == indent && at_dash()) {
      block_sequence(child, indent);
    } else if (column() > indent) {
      block_node(child, indent + 1);
    }
  }
};

TextTree TextTree::load(const std::filesystem::path& file) {
  return parse(read_file(file, max_file_bytes), file.string());
}

TextTree TextTree::parse(std::string text, std::string name) {
  TextTree tree;
  tree.name_ = std::move(name);
  tree.text_ = std::move(text);
  if (tree.text_.size() > max_file_bytes) {
    throw Error(ErrorKind::capacity, "larger than 1 GiB", {.file = tree.name_});
  }
  if (const auto flaw = text_flaw(tree.text_)) {
    throw Error(ErrorKind::config, flaw->what, place_in(tree.text_, flaw->byte, tree.name_));
  }
  if (is_netlist(tree.text_)) {
    NetlistParser(tree).parse();
  } else {
    TextParser(tree).parse();
  }
  return tree;
}

}  // namespace nj::sanafe

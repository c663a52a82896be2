#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "neurojoule/core/atomic_file.hpp"

#include "text_tree.hpp"

namespace nj::sanafe {

namespace {

constexpr std::uint64_t max_file_bytes = std::uint64_t{1} << 30;
constexpr int max_depth = 64;
constexpr std::size_t max_compared_keys = 16;  ///< above, a set finds duplicates

bool is_space(char c) { return c == ' ' || c == '\t'; }

}  // namespace

/// Recursive descent over the text. Between calls, `at_` is the first byte of the next token.
class TextParser {
 public:
  explicit TextParser(TextTree& tree) : tree_(tree), text_(tree.text_) {}

  void parse() {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = line_ = 3;
    next_token();
    if (rest().starts_with("---")) {
      at_ += 3;
      next_token();
    }
    const std::uint32_t root = add(TextTree::none, at_);
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
  using Node = TextTree::Node;
  using Kind = TextTree::Kind;

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\n';
  }
  [[nodiscard]] std::size_t column() const { return at_ - line_; }

  [[noreturn]] void fail(std::size_t place, const std::string& message) const {
    const std::string_view before = text_.substr(0, place);
    const std::size_t newline = before.rfind('\n');
    throw Error(
        ErrorKind::config, message,
        {.file = tree_.name_,
         .line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')),
         .column = newline == std::string_view::npos ? place + 1 : place - newline});
  }

  std::uint32_t add(std::uint32_t parent, std::size_t begin) {
    const auto index = static_cast<std::uint32_t>(tree_.nodes_.size());
    Node node;
    node.begin = static_cast<std::uint32_t>(begin);
    node.parent = parent;
    tree_.nodes_.push_back(node);
    return index;
  }

  /// Adds a child behind the last one.
  std::uint32_t append(std::uint32_t parent, std::uint32_t& last, std::size_t begin) {
    const std::uint32_t child = add(parent, begin);
    (last == TextTree::none ? tree_.nodes_[parent].first : tree_.nodes_[last].next) = child;
    ++tree_.nodes_[parent].children;
    last = child;
    return child;
  }

  void skip_spaces() {
    while (!at_end() && is_space(text_[at_])) ++at_;
  }

  /// Whether the rest of the line is blank or a comment.
  [[nodiscard]] bool at_line_end() const {
    const char c = peek();
    return c == '\n' || (c == '\r' && peek(1) == '\n') ||
           (c == '#' && (at_ == line_ || is_space(text_[at_ - 1])));
  }

  /// To the next token, over blanks, comments and line ends.
  void next_token() {
    while (true) {
      skip_spaces();
      if (at_end()) return;
      if (!at_line_end()) break;
      const std::size_t newline = text_.find('\n', at_);
      at_ = newline == std::string_view::npos ? text_.size() : newline + 1;
      line_ = at_;
    }
    const std::string_view indent = text_.substr(line_, at_ - line_);
    if (indent.find('\t') != std::string_view::npos &&
        indent.find_first_not_of(" \t") == std::string_view::npos) {
      fail(line_ + indent.find('\t'), "a tab cannot indent");
    }
  }

  void end_line() {
    skip_spaces();
    if (!at_line_end()) fail(at_, "expected the end of the line");
    next_token();
  }

  [[nodiscard]] bool at_dash() const {
    return peek() == '-' && (is_space(peek(1)) || peek(1) == '\n' || peek(1) == '\r');
  }

  void deeper() {
    if (++depth_ > max_depth) fail(at_, fmt::format("nested deeper than {} levels", max_depth));
  }

  /// The byte behind a word that starts here, and whether a colon makes it a key.
  struct Word {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool unescaped = false;
  };

  void refuse_indicator() const {
    switch (peek()) {
      case '&':
      case '*':
        fail(at_, "anchors and aliases are not read");
      case '!':
        fail(at_, "tags are not read");
      case '|':
      case '>':
        fail(at_, "block texts are not read");
      case '@':
      case '`':
      case '%':
        fail(at_, fmt::format("a word cannot start with '{}'", peek()));
      case '?':
        if (is_space(peek(1)) || peek(1) == '\n') fail(at_, "complex keys are not read");
        break;
      default:
        break;
    }
  }

  Word quoted() {
    const char quote = text_[at_];
    const std::size_t open = at_++;
    Word word{.begin = at_};
    std::string value;
    while (true) {
      const char c = peek();
      if (c == '\n') fail(open, "a quoted word must end on its line");
      if (c == quote && !(quote == '\'' && peek(1) == '\'')) break;
      if (c == '\'' && quote == '\'') {
        word.unescaped = true;
        ++at_;
      } else if (c == '\\' && quote == '"') {
        word.unescaped = true;
        ++at_;
        constexpr std::string_view escapes = "\\\"/nt";
        const std::size_t which = escapes.find(peek());
        if (which == std::string_view::npos) {
          fail(at_ - 1, fmt::format("the escape \\{} is not read", peek()));
        }
        value += std::string_view("\\\"/\n\t")[which];
        ++at_;
        continue;
      }
      value += c;
      ++at_;
    }
    word.size = at_ - word.begin;
    ++at_;
    if (word.unescaped) {
      word.begin = tree_.unescaped_.size();
      tree_.unescaped_.push_back(std::move(value));
    }
    return word;
  }

  /// A plain word: to the end of the line, a comment, a colon with a space behind it and, in flow
  /// style, a bracket or comma.
  Word plain(bool flow) {
    refuse_indicator();
    const std::size_t begin = at_;
    std::size_t end = at_;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n' || (c == '#' && is_space(text_[at_ - 1]))) break;
      if (flow && (c == ',' || c == '[' || c == ']' || c == '{' || c == '}')) break;
      if (c == ':') {
        const char after = peek(1);
        if (is_space(after) || after == '\n' || after == '\r') break;
        if (flow && (after == ',' || after == '[' || after == ']' || after == '{' || after == '}'))
          break;
      }
      if (!is_space(c) && c != '\r') end = at_ + 1;
    }
    if (end == begin) fail(begin, "expected a value");
    return {.begin = begin, .size = end - begin};
  }

  Word word(bool flow) { return peek() == '"' || peek() == '\'' ? quoted() : plain(flow); }

  void set_value(std::uint32_t index, const Word& word) {
    Node& node = tree_.nodes_[index];
    node.begin = static_cast<std::uint32_t>(word.begin);
    node.size = static_cast<std::uint32_t>(word.size);
    node.value_unescaped = word.unescaped;
    const std::string_view value = tree_.value(node);
    const bool quoted =
        word.unescaped ||
        (word.begin > 0 && (text_[word.begin - 1] == '"' || text_[word.begin - 1] == '\''));
    node.kind = !quoted && (value == "~" || value == "null") ? Kind::null : Kind::scalar;
  }

  void set_key(std::uint32_t index, const Word& word) {
    Node& node = tree_.nodes_[index];
    node.has_key = true;
    node.key_begin = static_cast<std::uint32_t>(word.begin);
    node.key_size = static_cast<std::uint32_t>(word.size);
    node.key_unescaped = word.unescaped;
  }

  /// Finds keys that a map has twice.
  class Keys {
   public:
    Keys(const TextParser& parser, std::uint32_t map) : parser_(parser), map_(map) {}
    void check(std::uint32_t entry, std::size_t place) {
      const TextTree& tree = parser_.tree_;
      const std::string_view key = tree.key(tree.nodes_[entry]);
      bool known = false;
      if (tree.nodes_[map_].children <= max_compared_keys) {
        for (std::uint32_t i = tree.nodes_[map_].first; i != entry; i = tree.nodes_[i].next) {
          known = known || tree.key(tree.nodes_[i]) == key;
        }
      } else {
        if (set_.empty()) {
          for (std::uint32_t i = tree.nodes_[map_].first; i != entry; i = tree.nodes_[i].next) {
            set_.insert(tree.key(tree.nodes_[i]));
          }
        }
        known = !set_.insert(key).second;
      }
      if (known) parser_.fail(place, fmt::format("duplicate key '{}'", key));
    }

   private:
    const TextParser& parser_;
    std::uint32_t map_;
    std::unordered_set<std::string_view> set_;
  };

  /// Whether this line starts with a key: a word and a colon. Leaves `at_` alone.
  bool starts_with_key() {
    if (peek() == '[' || peek() == '{') return false;
    const std::size_t start = at_;
    const std::size_t unescaped = tree_.unescaped_.size();
    if (peek() == ':' && is_space(peek(1))) fail(at_, "expected a key before the colon");
    (void)word(false);
    skip_spaces();
    const bool key = peek() == ':';
    at_ = start;
    while (tree_.unescaped_.size() > unescaped) tree_.unescaped_.pop_back();
    return key;
  }

  /// What starts here and is indented by at least `indent`.
  void block_node(std::uint32_t index, std::size_t indent) {
    if (column() < indent) return;
    deeper();
    if (at_dash()) {
      block_sequence(index, column());
    } else if (starts_with_key()) {
      block_map(index, column());
    } else {
      inline_value(index);
      end_line();
    }
    --depth_;
  }

  void block_sequence(std::uint32_t index, std::size_t indent) {
    tree_.nodes_[index].kind = Kind::sequence;
    std::uint32_t last = TextTree::none;
    while (!at_end() && column() == indent && at_dash()) {
      ++at_;
      skip_spaces();
      const std::uint32_t child = append(index, last, at_);
      if (at_line_end()) next_token();
      if (at_end() || column() <= indent) continue;  // nothing behind the dash
      tree_.nodes_[child].begin = static_cast<std::uint32_t>(at_);
      block_node(child, indent + 1);
    }
    if (!at_end() && column() > indent) fail(at_, "indented deeper than its list");
  }

  void block_map(std::uint32_t index, std::size_t indent) {
    tree_.nodes_[index].kind = Kind::map;
    std::uint32_t last = TextTree::none;
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
      inline_value(child);
      end_line();
      return;
    }
    next_token();
    if (at_end()) return;
    tree_.nodes_[child].begin = static_cast<std::uint32_t>(at_);
    // A list may stand right below its key.
    if (column() == indent && at_dash()) {
      block_sequence(child, indent);
    } else if (column() > indent) {
      block_node(child, indent + 1);
    }
  }

  void inline_value(std::uint32_t index) {
    tree_.nodes_[index].begin = static_cast<std::uint32_t>(at_);
    if (peek() == '[') {
      flow_sequence(index);
    } else if (peek() == '{') {
      flow_map(index);
    } else {
      set_value(index, word(false));
    }
  }

  void flow_value(std::uint32_t index) {
    tree_.nodes_[index].begin = static_cast<std::uint32_t>(at_);
    if (peek() == '[') {
      flow_sequence(index);
    } else if (peek() == '{') {
      flow_map(index);
    } else {
      set_value(index, word(true));
    }
  }

  /// Over the comma or to the closing bracket; false at the bracket.
  bool next_in_flow(std::size_t open, char close) {
    next_token();
    if (at_end()) fail(open, fmt::format("has no closing '{}'", close));
    if (peek() == ',') {
      ++at_;
      next_token();
      if (at_end()) fail(open, fmt::format("has no closing '{}'", close));
    } else if (peek() != close) {
      fail(at_, fmt::format("expected ',' or '{}'", close));
    }
    return peek() != close;
  }

  bool open_flow(char close) {
    const std::size_t open = at_++;
    deeper();
    next_token();
    if (at_end()) fail(open, fmt::format("has no closing '{}'", close));
    return peek() != close;
  }

  void close_flow() {
    ++at_;
    --depth_;
  }

  void flow_sequence(std::uint32_t index) {
    const std::size_t open = at_;
    tree_.nodes_[index].kind = Kind::sequence;
    std::uint32_t last = TextTree::none;
    for (bool more = open_flow(']'); more; more = next_in_flow(open, ']')) {
      const std::uint32_t child = append(index, last, at_);
      flow_value(child);
      skip_spaces();
      if (peek() == ':') flow_pair(child);
    }
    close_flow();
  }

  /// `[key: value]`: the element just read is the key of a map with one entry.
  void flow_pair(std::uint32_t element) {
    const Node word = tree_.nodes_[element];
    if (word.kind != Kind::scalar) fail(at_, "expected ',' or ']'");
    ++at_;
    next_token();
    tree_.nodes_[element].kind = Kind::map;
    std::uint32_t last = TextTree::none;
    const std::uint32_t child = append(element, last, at_);
    tree_.nodes_[child].has_key = true;
    tree_.nodes_[child].key_begin = word.begin;
    tree_.nodes_[child].key_size = word.size;
    tree_.nodes_[child].key_unescaped = word.value_unescaped;
    if (word.value_unescaped) tree_.nodes_[element].begin = static_cast<std::uint32_t>(at_);
    tree_.nodes_[element].value_unescaped = false;
    if (peek() != ',' && peek() != ']') flow_value(child);
  }

  void flow_map(std::uint32_t index) {
    const std::size_t open = at_;
    tree_.nodes_[index].kind = Kind::map;
    std::uint32_t last = TextTree::none;
    Keys keys(*this, index);
    for (bool more = open_flow('}'); more; more = next_in_flow(open, '}')) {
      const std::size_t place = at_;
      if (peek() == '[' || peek() == '{') fail(at_, "a key must be a word");
      const Word key = word(true);
      const std::uint32_t child = append(index, last, place);
      set_key(child, key);
      keys.check(child, place);
      next_token();
      if (peek() != ':') continue;
      ++at_;
      next_token();
      if (peek() != ',' && peek() != '}') flow_value(child);
    }
    close_flow();
  }

  TextTree& tree_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;  ///< first byte of the line of `at_`
  int depth_ = 0;
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
  if (tree.text_.find('\0') != std::string::npos) {
    throw Error(ErrorKind::config, "not text: holds a zero byte", {.file = tree.name_});
  }
  TextParser(tree).parse();
  return tree;
}

}  // namespace nj::sanafe

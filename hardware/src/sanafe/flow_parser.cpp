#include "flow_parser.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace nj::sanafe {

namespace {

constexpr int max_depth = 64;
constexpr std::size_t max_compared_keys = 16;  ///< above, a set finds duplicates

}  // namespace

bool FlowParser::at_line_end() const {
  const char c = peek();
  return c == '\n' || (c == '\r' && peek(1) == '\n') ||
         (c == '#' && (at_ == line_ || is_space(text_[at_ - 1])));
}

void FlowParser::skip_line() {
  const std::size_t newline = text_.find('\n', at_);
  at_ = newline == std::string_view::npos ? text_.size() : newline + 1;
  line_ = at_;
}

void FlowParser::next_token() {
  while (true) {
    skip_spaces();
    if (at_end()) return;
    if (!at_line_end()) break;
    skip_line();
  }
  const std::string_view indent = text_.substr(line_, at_ - line_);
  if (indent.find('\t') != std::string_view::npos &&
      indent.find_first_not_of(" \t") == std::string_view::npos) {
    fail(line_ + indent.find('\t'), "a tab cannot indent");
  }
}

void FlowParser::fail(std::size_t place, const std::string& message, ErrorKind kind) const {
  const std::string_view before = text_.substr(0, place);
  const std::size_t newline = before.rfind('\n');
  throw Error(kind, message,
              {.file = tree_.name_,
               .line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')),
               .column = newline == std::string_view::npos ? place + 1 : place - newline});
}

std::uint32_t FlowParser::add(std::uint32_t parent, std::size_t begin) {
  const auto index = static_cast<std::uint32_t>(tree_.nodes_.size());
  Node node;
  node.begin = static_cast<std::uint32_t>(begin);
  node.parent = parent;
  tree_.nodes_.push_back(node);
  return index;
}

std::uint32_t FlowParser::append(std::uint32_t parent, std::uint32_t& last, std::size_t begin) {
  const std::uint32_t child = add(parent, begin);
  (last == none ? node(parent).first : node(last).next) = child;
  ++node(parent).children;
  last = child;
  return child;
}

FlowParser::Word FlowParser::keep(std::string word) {
  tree_.unescaped_.push_back(std::move(word));
  return {.begin = tree_.unescaped_.size() - 1, .unescaped = true};
}

void FlowParser::set_key(std::uint32_t index, const Word& word) {
  Node& node = this->node(index);
  node.has_key = true;
  node.key_begin = static_cast<std::uint32_t>(word.begin);
  node.key_size = static_cast<std::uint32_t>(word.size);
  node.key_unescaped = word.unescaped;
}

void FlowParser::set_value(std::uint32_t index, const Word& word) {
  Node& node = this->node(index);
  node.begin = static_cast<std::uint32_t>(word.begin);
  node.size = static_cast<std::uint32_t>(word.size);
  node.value_unescaped = word.unescaped;
  const std::string_view value = tree_.value(node);
  const bool quoted =
      word.unescaped ||
      (word.begin > 0 && (text_[word.begin - 1] == '"' || text_[word.begin - 1] == '\''));
  node.kind = !quoted && (value == "~" || value == "null") ? Kind::null : Kind::scalar;
}

void FlowParser::Keys::check(std::uint32_t entry, std::size_t place) {
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

void FlowParser::deeper() {
  if (++depth_ > max_depth) fail(at_, fmt::format("nested deeper than {} levels", max_depth));
}

bool FlowParser::at_key() {
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

void FlowParser::refuse_indicator() const {
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

FlowParser::Word FlowParser::quoted() {
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
  return word.unescaped ? keep(std::move(value)) : word;
}

/// A plain word: to the end of the line, a comment, a colon with a space behind it and, in flow
/// style, a bracket or comma.
FlowParser::Word FlowParser::plain(bool flow) {
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

void FlowParser::inline_value(std::uint32_t index, bool flow) {
  node(index).begin = static_cast<std::uint32_t>(at_);
  if (peek() == '[') {
    flow_sequence(index);
  } else if (peek() == '{') {
    flow_map(index);
  } else {
    set_value(index, word(flow));
  }
}

bool FlowParser::open_flow(char close) {
  const std::size_t open = at_++;
  deeper();
  next_token();
  if (at_end()) fail(open, fmt::format("has no closing '{}'", close));
  return peek() != close;
}

/// Over the comma or to the closing bracket; false at the bracket.
bool FlowParser::next_in_flow(std::size_t open, char close) {
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

void FlowParser::flow_sequence(std::uint32_t index) {
  const std::size_t open = at_;
  node(index).kind = Kind::sequence;
  std::uint32_t last = none;
  for (bool more = open_flow(']'); more; more = next_in_flow(open, ']')) {
    const std::uint32_t child = append(index, last, at_);
    inline_value(child, true);
    skip_spaces();
    if (peek() == ':') flow_pair(child);
  }
  ++at_;
  --depth_;
}

/// `[key: value]`: the element just read is the key of a map with one entry.
void FlowParser::flow_pair(std::uint32_t element) {
  const Node word = node(element);
  if (word.kind != Kind::scalar) fail(at_, "expected ',' or ']'");
  ++at_;
  next_token();
  node(element).kind = Kind::map;
  std::uint32_t last = none;
  const std::uint32_t child = append(element, last, at_);
  set_key(child, {word.begin, word.size, word.value_unescaped});
  if (word.value_unescaped) node(element).begin = static_cast<std::uint32_t>(at_);
  node(element).value_unescaped = false;
  if (peek() != ',' && peek() != ']') inline_value(child, true);
}

void FlowParser::flow_map(std::uint32_t index) {
  const std::size_t open = at_;
  node(index).kind = Kind::map;
  std::uint32_t last = none;
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
    if (peek() != ',' && peek() != '}') inline_value(child, true);
  }
  ++at_;
  --depth_;
}

}  // namespace nj::sanafe

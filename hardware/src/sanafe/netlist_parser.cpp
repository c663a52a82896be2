#include "netlist_parser.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "fields.hpp"

namespace nj::sanafe {

bool is_netlist(std::string_view text) {
  constexpr std::string_view entries = "gne&";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line[first] != '#') {
      return entries.find(line[first]) != std::string_view::npos && first + 1 < line.size() &&
             is_space(line[first + 1]);
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return false;
}

void NetlistParser::parse() {
  skip_byte_order_mark();
  List root{add(none, at_)};
  List network = add_key(root, "network");
  group_list_ = add_key(network, "groups");
  edges_ = add_key(network, "edges");
  mappings_ = add_key(root, "mappings");
  core_ = keep("core");
  while (!at_end()) {
    skip_spaces();
    if (!at_line_end()) entry();
    skip_line();
  }
  if (groups_.empty()) fail(text_.size(), "has no group, such as g 10 threshold=1");
  if (mappings_.last == none) fail(text_.size(), "maps no neuron, such as & 0.3@0.1");
  add_rest();
}

void NetlistParser::entry() {
  const std::size_t place = at_;
  const char type = peek();
  if (!is_space(peek(1))) fail(place, "expected a line such as g, n, e or & and a space");
  ++at_;
  switch (type) {
    case 'g':
      group(place);
      break;
    case 'n':
      neuron(place);
      break;
    case 'e':
      edge(place);
      break;
    case '&':
      mapping(place);
      break;
    default:
      fail(place, fmt::format("expected a line of type g, n, e or &, got '{}'", type));
  }
  skip_spaces();
  if (!at_line_end()) fail(at_, "expected the end of the line");
}

void NetlistParser::group(std::size_t place) {
  const Word size = field("how many neurons");
  const auto neurons = whole_number(view(size));
  if (!neurons || *neurons == 0) {
    fail(size.begin, fmt::format("expected a number of neurons, got '{}'", view(size)));
  }
  List keys{add_to(group_list_, Kind::sequence, place)};
  set_value(add_key(keys, "name").node, keep(fmt::format("{}", groups_.size())));
  attributes(add_key(keys, "attributes").node);
  groups_.push_back({.size = *neurons, .neurons = add_key(keys, "neurons"), .own = {}});
}

void NetlistParser::neuron(std::size_t place) {
  const Word address = field("a neuron such as 0.3");
  const std::size_t dot = view(address).find('.');
  const auto group = whole_number(view(address).substr(0, dot));
  const auto number =
      dot == std::string_view::npos ? std::nullopt : whole_number(view(address).substr(dot + 1));
  if (!group || !number) {
    fail(address.begin, fmt::format("expected a neuron such as 0.3, got '{}'", view(address)));
  }
  if (*group >= groups_.size()) {
    fail(address.begin, fmt::format("no line before this one is of group {}", *group));
  }
  GroupLines& lines = groups_[*group];
  if (*number >= lines.size) {
    fail(address.begin,
         fmt::format("group {} has neurons 0..{}, got {}", *group, lines.size - 1, *number));
  }
  lines.own.push_back(*number);
  List keys{add_to(lines.neurons, Kind::sequence, place)};
  const std::uint32_t child = add_to(keys, Kind::map, address.begin);
  set_key(child, {.begin = address.begin + dot + 1, .size = address.size - dot - 1});
  attributes(child);
}

void NetlistParser::edge(std::size_t place) {
  const Word ends = field("an edge such as 0.3->1.0");
  List keys{add_to(edges_, Kind::sequence, place)};
  const std::uint32_t child = add_to(keys, Kind::map, ends.begin);
  set_key(child, ends);
  attributes(child);
}

void NetlistParser::mapping(std::size_t place) {
  const Word both = field("a mapping such as 0.3@0.1");
  const std::size_t at = view(both).find('@');
  if (at == std::string_view::npos) {
    fail(both.begin, fmt::format("expected a mapping such as 0.3@0.1, got '{}'", view(both)));
  }
  List keys{add_to(mappings_, Kind::sequence, place)};
  List where{add_to(keys, Kind::map, both.begin)};
  set_key(where.node, {.begin = both.begin, .size = at});
  const std::uint32_t core = add_to(where, Kind::map, both.begin + at + 1);
  set_key(core, core_);
  set_value(core, {.begin = both.begin + at + 1, .size = both.size - at - 1});
}

void NetlistParser::attributes(std::uint32_t index) {
  skip_spaces();
  node(index).begin = static_cast<std::uint32_t>(at_);
  if (peek() == '{' || peek() == '[') return inline_value(index, true);
  List map{index};
  Keys keys(*this, index);
  for (; !at_line_end(); skip_spaces()) {
    const std::size_t place = at_;
    const std::uint32_t child = add_to(map, Kind::map, place);
    attribute(child);
    keys.check(child, place);
  }
}

/// `name=value`.
void NetlistParser::attribute(std::uint32_t child) {
  const std::size_t place = at_;
  const std::size_t end = text_.find_first_of("= \t\r\n", at_);
  if (end == place || end == std::string_view::npos || text_[end] != '=') {
    fail(place, "expected an attribute such as weight=1.5");
  }
  set_key(child, {.begin = place, .size = end - place});
  at_ = end + 1;
  if (is_space(peek())) fail(at_, "expected a value right behind the '='");
  if (peek() == '[' || peek() == '{' || peek() == '"' || peek() == '\'') {
    inline_value(child, true);
  } else {
    set_value(child, field("a value"));
  }
}

/// Neurons without a line of theirs are as their group says.
void NetlistParser::add_rest() {
  for (GroupLines& group : groups_) {
    std::sort(group.own.begin(), group.own.end());
    std::uint32_t first = 0;
    const auto add_until = [&](std::uint32_t end) {
      if (first >= end) return;
      const std::uint32_t range = add_to(group.neurons, Kind::sequence, 0);
      set_value(range, keep(fmt::format("{}..{}", first, end - 1)));
    };
    for (const std::uint32_t own : group.own) {
      add_until(own);
      first = own + 1;
    }
    add_until(group.size);
  }
}

std::uint32_t NetlistParser::add_to(List& list, Kind kind, std::size_t place) {
  node(list.node).kind = kind;
  return append(list.node, list.last, place);
}

NetlistParser::List NetlistParser::add_key(List& map, const char* key) {
  const List child{add_to(map, Kind::map, at_)};
  set_key(child.node, keep(key));
  return child;
}

/// The word up to the next space.
NetlistParser::Word NetlistParser::field(const char* expected) {
  skip_spaces();
  const std::size_t end = std::min(text_.find_first_of(" \t\r\n", at_), text_.size());
  if (at_line_end() || end == at_) fail(at_, fmt::format("expected {}", expected));
  const std::size_t begin = std::exchange(at_, end);
  return {.begin = begin, .size = end - begin};
}

}  // namespace nj::sanafe

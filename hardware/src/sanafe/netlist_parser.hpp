#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "flow_parser.hpp"

namespace nj::sanafe {

/// Whether a network file is one of SANA-FE's older netlists: its first line is an entry of one.
bool is_netlist(std::string_view text);

/// Recursive descent over a netlist, line by line:
///
///     g <neurons> <attributes>             a group, numbered from 0
///     n <group>.<neuron> <attributes>
///     e <source>-><target> <attributes>
///     & <group>.<neuron>@<tile>.<core>
///
/// with attributes `name=value`, or a flow map or list as in YAML. The tree is that of the same
/// network in YAML.
class NetlistParser : FlowParser {
 public:
  explicit NetlistParser(TextTree& tree) : FlowParser(tree) {}
  /// Throws: Error(config) with line and column.
  void parse();

 private:
  /// A list or map while it grows.
  struct List {
    std::uint32_t node = 0;
    std::uint32_t last = none;
  };
  struct GroupLines {
    std::uint32_t size = 0;
    List neurons;
    std::vector<std::uint32_t> own;  ///< neurons with a line of theirs
  };

  void entry();
  void group(std::size_t place);
  void neuron(std::size_t place);
  void edge(std::size_t place);
  void mapping(std::size_t place);
  void attributes(std::uint32_t index);
  void attribute(std::uint32_t child);
  void add_rest();
  Word field(const char* expected);
  [[nodiscard]] std::string_view view(const Word& word) const {
    return text_.substr(word.begin, word.size);
  }
  std::uint32_t add_to(List& list, Kind kind, std::size_t place);
  List add_key(List& map, const char* key);

  List edges_;
  List mappings_;
  List group_list_;
  std::vector<GroupLines> groups_;
  Word core_;  ///< a key
};

}  // namespace nj::sanafe

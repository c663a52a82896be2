#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/nir_file.hpp"

#include "nir_fields.hpp"

namespace nj {
namespace {

constexpr std::uint64_t max_extent = (std::uint64_t{1} << 31) - 1;
constexpr std::array<std::string_view, std::variant_size_v<NirOperator>> type_names = {
    "Input",     "Output",    "Affine",  "Linear",  "Scale",     "Conv1d", "Conv2d",
    "AvgPool2d", "SumPool2d", "Flatten", "Delay",   "Threshold", "I",      "IF",
    "LI",        "LIF",       "CubaLI",  "CubaLIF", "NIRGraph"};

/// Checks one graph and its subgraphs; `path` is where it stands in a file.
class Validator {
 public:
  explicit Validator(const std::string& file) : file_(file) {}

  void check(const NirGraph& graph, const std::string& path, int depth) {
    if (depth > max_nir_depth) {
      fail(ErrorKind::capacity, path,
           fmt::format("subgraphs are nested deeper than {}", max_nir_depth));
    }
    check_metadata(graph.metadata, path);
    nodes_ += graph.nodes.size();
    if (nodes_ > max_nir_nodes) {
      fail(ErrorKind::capacity, path, fmt::format("more than {} nodes", max_nir_nodes));
    }
    std::set<std::string_view> names;
    for (const NirNode& node : graph.nodes) {
      const std::string node_path = nir::node_path(path, node.name);
      check_name(node.name, node_path);
      if (!names.insert(node.name).second) {
        fail(ErrorKind::config, node_path, "two nodes have this name");
      }
      check_metadata(node.metadata, node_path);
      std::visit([&](const auto& op) { check_node(op, node, node_path, depth); }, node.op);
    }
    check_edges(graph, names, path);
  }

 private:
  [[noreturn]] void fail(ErrorKind kind, const std::string& path,
                         const std::string& message) const {
    throw Error(kind, message, {.file = file_, .key = path});
  }

  void check_name(const std::string& name, const std::string& path) const {
    if (name.empty() || name == "." || name.find('/') != std::string::npos ||
        name.find('\0') != std::string::npos) {
      fail(ErrorKind::config, path,
           fmt::format("'{}' cannot be a name in an HDF5 file (empty, '.', or with '/')", name));
    }
  }

  void check_edges(const NirGraph& graph, const std::set<std::string_view>& names,
                   const std::string& path) const {
    const std::string key = path + "/edges";
    if (graph.edges.size() > max_nir_edges) {
      fail(ErrorKind::capacity, key, fmt::format("more than {} edges", max_nir_edges));
    }
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const auto& edge : graph.edges) {
      for (const std::string& end : {edge.first, edge.second}) {
        if (names.count(end) == 0) {
          fail(ErrorKind::config, key,
               fmt::format("edge ('{}', '{}'): no node '{}'", edge.first, edge.second, end));
        }
      }
      if (!seen.insert(edge).second) {
        fail(ErrorKind::config, key,
             fmt::format("edge ('{}', '{}') is there twice", edge.first, edge.second));
      }
    }
  }

  void check_metadata(const NirMetadata& metadata, const std::string& path) {
    for (const auto& [name, value] : metadata) {
      const std::string key = path + "/metadata/" + name;
      if (const auto* array = std::get_if<NirArray>(&value)) {
        check_array(*array, key);
      } else {
        const auto& texts = std::get<NirTexts>(value);
        if (product(texts.shape, key) != texts.values.size()) {
          fail(ErrorKind::shape, key,
               fmt::format("shape [{}] does not match {} texts", fmt::join(texts.shape, ", "),
                           texts.values.size()));
        }
      }
    }
  }

  [[nodiscard]] std::uint64_t product(const std::vector<std::uint64_t>& shape,
                                      const std::string& key) const {
    std::uint64_t elements = 1;
    for (const std::uint64_t size : shape) {
      if (size != 0 && elements > max_nir_elements / size) {
        fail(ErrorKind::capacity, key, fmt::format("more than {} elements", max_nir_elements));
      }
      elements *= size;
    }
    return elements;
  }

  void check_array(const NirArray& array, const std::string& key) {
    if (product(array.shape, key) != array.values.size()) {
      fail(ErrorKind::shape, key,
           fmt::format("shape [{}] does not match {} values", fmt::join(array.shape, ", "),
                       array.values.size()));
    }
    elements_ += array.values.size();
    if (elements_ > max_nir_elements) {
      fail(ErrorKind::capacity, key,
           fmt::format("the arrays have more than {} elements", max_nir_elements));
    }
    for (std::size_t i = 0; i < array.values.size(); ++i) {
      const double value = array.values[i];
      if (!std::isfinite(value)) {
        fail(ErrorKind::numeric, key, fmt::format("element {} is {}", i, value));
      }
      const bool exact =
          array.element == NirElement::float64 ||
          (array.element == NirElement::float32 && double{static_cast<float>(value)} == value) ||
          (array.element == NirElement::int64 && std::trunc(value) == value &&
           std::abs(value) <= static_cast<double>(nir::max_exact_integer)) ||
          (array.element == NirElement::boolean && (value == 0.0 || value == 1.0));
      if (!exact) {
        fail(ErrorKind::numeric, key,
             fmt::format("element {} is {}, which its element type cannot hold", i, value));
      }
    }
  }

  void require_shape(const NirArray& array, const std::vector<std::uint64_t>& shape,
                     const std::string& key) const {
    if (array.shape != shape) {
      fail(ErrorKind::shape, key,
           fmt::format("expected shape [{}], got [{}]", fmt::join(shape, ", "),
                       fmt::join(array.shape, ", ")));
    }
  }

  void require_rank(const NirArray& array, std::size_t least, std::size_t most,
                    const std::string& key) const {
    const std::size_t rank = array.shape.size();
    if (rank < least || rank > most || array.values.empty()) {
      fail(ErrorKind::shape, key,
           fmt::format("expected {} dimensions, none empty, got shape [{}]",
                       least == most ? fmt::format("{}", least) : fmt::format("{} or more", least),
                       fmt::join(array.shape, ", ")));
    }
  }

  template <class Op>
  void check_node(const Op& op, const NirNode& node, const std::string& path, int depth) {
    if constexpr (std::is_same_v<Op, NirGraph>) {
      if (!node.metadata.empty()) {
        fail(ErrorKind::config, path, "the metadata of a subgraph belong into the graph");
      }
      check(op, path, depth + 1);
    } else {
      nir::visit_arrays(op, [&](const char* name, const NirArray& array) {
        const std::string key = path + "/" + name;
        if (array.element == NirElement::boolean) {
          fail(ErrorKind::unsupported, key, "booleans are no parameters");
        }
        check_array(array, key);
      });
      if constexpr (nir::is_neuron<Op>) check_neuron(op, path);
      if constexpr (nir::is_pool<Op>) check_pool(op, path);
      check_extents(op, path);
    }
  }

  void require_range(std::uint64_t value, std::uint64_t least, const std::string& key) const {
    if (value < least || value > max_extent) {
      fail(ErrorKind::config, key,
           fmt::format("expected {}..{}, got {}", least, max_extent, value));
    }
  }

  /// All arrays of a neuron have one shape; w_in may have a single element instead.
  template <class Op>
  void check_neuron(const Op& op, const std::string& path) const {
    nir::visit_arrays(op, [&](const std::string& name, const NirArray& array) {
      if (name == "w_in" && array.values.size() == 1) return;
      require_shape(array, op.r.shape, path + "/" + name);
    });
  }

  template <class Op>
  void check_extents(const Op&, const std::string&) const {}

  void check_extents(const NirLinear& op, const std::string& path) const {
    require_rank(op.weight, 2, SIZE_MAX, path + "/weight");
  }
  void check_extents(const NirAffine& op, const std::string& path) const {
    require_rank(op.weight, 2, SIZE_MAX, path + "/weight");
    std::vector<std::uint64_t> out = op.weight.shape;
    out.pop_back();
    require_shape(op.bias, out, path + "/bias");
  }
  void check_extents(const NirInput& op, const std::string& path) const {
    (void)product(op.shape, path + "/shape");
  }
  void check_extents(const NirOutput& op, const std::string& path) const {
    (void)product(op.shape, path + "/shape");
  }
  void check_extents(const NirFlatten& op, const std::string& path) const {
    if (op.input_type) (void)product(*op.input_type, path + "/input_type");
  }
  template <class Op>
  void check_pool(const Op& op, const std::string& path) const {
    for (std::size_t i = 0; i < 2; ++i) {
      require_range(op.kernel_size[i], 1, path + "/kernel_size");
      require_range(op.stride[i], 1, path + "/stride");
      require_range(op.padding[i], 0, path + "/padding");
    }
  }
  template <class Op, class Padding>
  void check_convolution(const Op& op, const Padding* padding, const std::string& path) const {
    const std::size_t rank = std::tuple_size_v<Padding> + 2;
    require_rank(op.weight, rank, rank, path + "/weight");
    require_shape(op.bias, {op.weight.shape[0]}, path + "/bias");
    require_range(op.groups, 1, path + "/groups");
    if (op.weight.shape[0] % op.groups != 0) {
      fail(
          ErrorKind::shape, path + "/groups",
          fmt::format("{} groups do not divide {} output channels", op.groups, op.weight.shape[0]));
    }
    if (padding == nullptr) return;
    for (const std::uint64_t size : *padding) require_range(size, 0, path + "/padding");
  }
  void check_extents(const NirConv1d& op, const std::string& path) const {
    check_convolution(op, std::get_if<std::array<std::uint64_t, 1>>(&op.padding), path);
    require_range(op.stride, 1, path + "/stride");
    require_range(op.dilation, 1, path + "/dilation");
    if (op.input_shape) require_range(*op.input_shape, 1, path + "/input_shape");
  }
  void check_extents(const NirConv2d& op, const std::string& path) const {
    check_convolution(op, std::get_if<std::array<std::uint64_t, 2>>(&op.padding), path);
    for (std::size_t i = 0; i < 2; ++i) {
      require_range(op.stride[i], 1, path + "/stride");
      require_range(op.dilation[i], 1, path + "/dilation");
      if (op.input_shape) require_range((*op.input_shape)[i], 1, path + "/input_shape");
    }
  }

  std::string file_;
  std::uint64_t nodes_ = 0;
  std::uint64_t elements_ = 0;
};

}  // namespace

const NirNode* NirGraph::find(std::string_view name) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [&](const NirNode& node) { return node.name == name; });
  return found == nodes.end() ? nullptr : &*found;
}

bool NirGraph::operator==(const NirGraph& other) const {
  return nodes == other.nodes && edges == other.edges && metadata == other.metadata &&
         version == other.version;
}

std::string_view nir_type_name(const NirOperator& op) { return type_names.at(op.index()); }

void validate(const NirGraph& graph, const std::string& file) {
  Validator(file).check(graph, "/node", 0);
}

}  // namespace nj

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/models/nir_file.hpp"

#include "nir_fields.hpp"

namespace nj {
namespace {

constexpr std::uint64_t max_type_bytes = 256;
constexpr std::uint64_t max_text_bytes = std::uint64_t{1} << 26;
constexpr std::uint64_t max_dimensions = 32;
/// Every node type, default-constructed.
template <std::size_t... index>
std::vector<NirOperator> all_operators(std::index_sequence<index...>) {
  return {NirOperator(std::in_place_index<index>)...};
}

std::vector<NirOperator> all_operators() {
  return all_operators(std::make_index_sequence<std::variant_size_v<NirOperator>>());
}

/// The members of one node's group; each must be asked for.
class Fields {
 public:
  Fields(std::string path, std::string type, const std::vector<std::string>& members)
      : path_(std::move(path)), type_(std::move(type)), left_(members.begin(), members.end()) {}

  /// The path of a field, or nullopt when the node has none of that name.
  std::optional<std::string> find(const std::string& name) {
    if (left_.erase(name) == 0) return std::nullopt;
    return path_ + "/" + name;
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& type() const { return type_; }
  [[nodiscard]] const std::set<std::string>& left() const { return left_; }

 private:
  std::string path_;
  std::string type_;
  std::set<std::string> left_;
};

class NirFileReader {
 public:
  explicit NirFileReader(const std::filesystem::path& file) : name_(file.string()), reader_(file) {}

  NirGraph read() {
    if (!reader_.has("/node/type")) {
      fail(ErrorKind::format, "/node", "not a NIR file: it has no node with a type");
    }
    const std::string type = read_type("/node");
    if (type != "NIRGraph") {
      fail(ErrorKind::unsupported, "/node/type",
           fmt::format("the root is '{}', expected 'NIRGraph'", type));
    }
    NirGraph graph = read_graph("/node", 0);
    if (reader_.has("/version")) graph.version = reader_.read_text("/version", max_type_bytes);
    return graph;
  }

 private:
  [[noreturn]] void fail(ErrorKind kind, const std::string& path,
                         const std::string& message) const {
    throw Error(kind, message, {.file = name_, .key = path});
  }

  [[nodiscard]] std::string read_type(const std::string& path) const {
    return reader_.read_text(path + "/type", max_type_bytes);
  }

  NirGraph read_graph(const std::string& path, int depth) {
    if (depth > max_nir_depth) {
      fail(ErrorKind::capacity, path,
           fmt::format("subgraphs are nested deeper than {}", max_nir_depth));
    }
    Fields fields(path, "NIRGraph", reader_.members(path));
    (void)fields.find("type");
    NirGraph graph;
    graph.metadata = read_metadata(fields);
    graph.edges = read_edges(require(fields, "edges"));
    const std::string nodes = require(fields, "nodes");
    for (const std::string& name : reader_.members(nodes)) {
      if (++nodes_ > max_nir_nodes) {
        fail(ErrorKind::capacity, nodes, fmt::format("more than {} nodes", max_nir_nodes));
      }
      graph.nodes.push_back(read_node(name, nodes + "/" + name, depth));
    }
    finish(fields);
    return graph;
  }

  NirNode read_node(const std::string& name, const std::string& path, int depth) {
    const std::vector<std::string> members = reader_.members(path);
    if (!std::binary_search(members.begin(), members.end(), "type")) {
      fail(ErrorKind::format, path, "has no 'type'");
    }
    const std::string type = read_type(path);
    std::vector<NirOperator> known = all_operators();
    const auto op = std::find_if(known.begin(), known.end(), [&](const NirOperator& candidate) {
      return nir_type_name(candidate) == type;
    });
    if (op == known.end()) {
      std::vector<std::string_view> names(known.size());
      std::transform(known.begin(), known.end(), names.begin(), nir_type_name);
      fail(ErrorKind::unsupported, path + "/type",
           fmt::format("unknown node type '{}'; NIR has {}", type, fmt::join(names, ", ")));
    }
    if (std::holds_alternative<NirGraph>(*op)) return {name, read_graph(path, depth + 1), {}};
    Fields fields(path, type, members);
    (void)fields.find("type");
    NirNode node{name, *op, read_metadata(fields)};
    std::visit([&](auto& alternative) { read_fields(alternative, fields); }, node.op);
    finish(fields);
    return node;
  }

  std::string require(Fields& fields, const std::string& name) const {
    const auto path = fields.find(name);
    if (!path) {
      fail(ErrorKind::format, fields.path(), fmt::format("{} has no '{}'", fields.type(), name));
    }
    return *path;
  }

  void finish(const Fields& fields) const {
    if (fields.left().empty()) return;
    fail(ErrorKind::format, fields.path() + "/" + *fields.left().begin(),
         fmt::format("unknown field of {}", fields.type()));
  }

  template <class Op>
  void read_fields(Op& op, Fields& fields) {
    nir::visit_arrays(op, [&](const std::string& name, NirArray& array) {
      const bool optional = name == "v_reset" || name == "w_in";
      const auto path = optional ? fields.find(name) : require(fields, name);
      array = path ? read_array(*path) : default_array(op, name);
    });
    if constexpr (nir::is_pool<Op>) {
      op.kernel_size = read_pair(require(fields, "kernel_size"));
      op.stride = read_pair(require(fields, "stride"));
      op.padding = read_pair(require(fields, "padding"));
    }
    read_extents(op, fields);
  }

  /// What the package takes when v_reset or w_in is missing: zeros, or ones as real numbers.
  template <class Op>
  static NirArray default_array(const Op& op, const std::string& name) {
    NirArray array;
    if constexpr (requires { op.v_threshold; }) {
      array = op.v_threshold;
    } else if constexpr (requires { op.v_leak; }) {
      array = op.v_leak;
    }
    const bool ones = name == "w_in";
    std::fill(array.values.begin(), array.values.end(), ones ? 1.0 : 0.0);
    if (ones && array.element == NirElement::int64) array.element = NirElement::float64;
    return array;
  }

  template <class Op>
  void read_extents(Op&, Fields&) {}

  void read_extents(NirInput& op, Fields& fields) {
    op.shape = read_sizes(require(fields, "shape"));
  }
  void read_extents(NirOutput& op, Fields& fields) {
    op.shape = read_sizes(require(fields, "shape"));
  }
  void read_extents(NirFlatten& op, Fields& fields) {
    if (const auto path = fields.find("input_type")) op.input_type = read_sizes(*path);
    op.start_dim = read_integer(require(fields, "start_dim"));
    op.end_dim = read_integer(require(fields, "end_dim"));
  }
  void read_extents(NirConv1d& op, Fields& fields) {
    if (const auto path = fields.find("input_shape")) op.input_shape = read_size(*path);
    op.stride = read_size(require(fields, "stride"));
    op.dilation = read_size(require(fields, "dilation"));
    op.groups = read_size(require(fields, "groups"));
    const std::string padding = require(fields, "padding");
    if (is_text(padding)) {
      op.padding = read_padding_mode(padding);
    } else {
      op.padding = std::array<std::uint64_t, 1>{read_size(padding)};
    }
  }
  void read_extents(NirConv2d& op, Fields& fields) {
    if (const auto path = fields.find("input_shape")) op.input_shape = read_pair(*path);
    op.stride = read_pair(require(fields, "stride"));
    op.dilation = read_pair(require(fields, "dilation"));
    op.groups = read_size(require(fields, "groups"));
    const std::string padding = require(fields, "padding");
    if (is_text(padding)) {
      op.padding = read_padding_mode(padding);
    } else {
      op.padding = read_pair(padding);
    }
  }

  [[nodiscard]] bool is_text(const std::string& path) const {
    return reader_.element_type(path).element == Hdf5Class::text;
  }

  [[nodiscard]] NirPaddingMode read_padding_mode(const std::string& path) const {
    const std::string mode = reader_.read_text(path, max_type_bytes);
    if (mode == "same") return NirPaddingMode::same;
    if (mode == "valid") return NirPaddingMode::valid;
    fail(ErrorKind::format, path,
         fmt::format("expected 'same', 'valid' or numbers, got '{}'", mode));
  }

  [[nodiscard]] std::vector<std::int64_t> read_integers(const std::string& path) const {
    // An empty list of Python is an empty float64 array in the file.
    const std::vector<std::uint64_t> shape = reader_.shape(path);
    if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) return {};
    return reader_.read<std::int64_t>(path, max_dimensions);
  }

  [[nodiscard]] std::vector<std::uint64_t> read_sizes(const std::string& path) const {
    const std::vector<std::int64_t> values = read_integers(path);
    for (const std::int64_t value : values) {
      if (value < 0) fail(ErrorKind::format, path, fmt::format("expected sizes, got {}", value));
    }
    return {values.begin(), values.end()};
  }

  [[nodiscard]] std::int64_t read_integer(const std::string& path) const {
    const std::vector<std::int64_t> values = read_integers(path);
    if (values.size() != 1) {
      fail(ErrorKind::format, path, fmt::format("expected one number, got {}", values.size()));
    }
    return values[0];
  }

  [[nodiscard]] std::uint64_t read_size(const std::string& path) const {
    const std::int64_t value = read_integer(path);
    if (value < 0) fail(ErrorKind::format, path, fmt::format("expected a size, got {}", value));
    return static_cast<std::uint64_t>(value);
  }

  /// Height and width; a single number is both.
  [[nodiscard]] std::array<std::uint64_t, 2> read_pair(const std::string& path) const {
    const std::vector<std::uint64_t> sizes = read_sizes(path);
    if (sizes.empty() || sizes.size() > 2) {
      fail(ErrorKind::format, path, fmt::format("expected two numbers, got {}", sizes.size()));
    }
    return {sizes.front(), sizes.back()};
  }

  NirArray read_array(const std::string& path) {
    NirArray array{reader_.shape(path), {}, NirElement::float64};
    const Hdf5ElementType type = reader_.element_type(path);
    switch (type.element) {
      case Hdf5Class::real:
        if (type.bytes <= sizeof(float)) array.element = NirElement::float32;
        array.values = reader_.read<double>(path, elements_left_);
        break;
      case Hdf5Class::integer:
        array.element = NirElement::int64;
        for (const std::int64_t value : reader_.read<std::int64_t>(path, elements_left_)) {
          if (value > nir::max_exact_integer || value < -nir::max_exact_integer) {
            fail(ErrorKind::numeric, path, fmt::format("{} is beyond 2^53", value));
          }
          array.values.push_back(static_cast<double>(value));
        }
        break;
      case Hdf5Class::boolean: {
        array.element = NirElement::boolean;
        const auto values = reader_.read_booleans(path, elements_left_);
        array.values.assign(values.begin(), values.end());
        break;
      }
      default:
        fail(ErrorKind::format, path, "expected numbers");
    }
    elements_left_ -= array.values.size();
    return array;
  }

  NirTexts read_texts(const std::string& path) {
    NirTexts texts{reader_.shape(path), reader_.read_texts(path, max_nir_edges, text_left_)};
    for (const std::string& text : texts.values)
      text_left_ -= std::min(text_left_, text.size() + 1);
    return texts;
  }

  NirMetadata read_metadata(Fields& fields) {
    NirMetadata metadata;
    if (const auto path = fields.find("metadata")) add_metadata(metadata, "", *path, 0);
    return metadata;
  }

  void add_metadata(NirMetadata& metadata, const std::string& prefix, const std::string& path,
                    int depth) {
    if (depth > max_nir_depth) fail(ErrorKind::capacity, path, "metadata are nested too deep");
    for (const std::string& name : reader_.members(path)) {
      const std::string key = path + "/" + name;
      if (++entries_ > max_nir_nodes) fail(ErrorKind::capacity, key, "too many metadata");
      if (reader_.kind(key) == Hdf5Kind::group) {
        add_metadata(metadata, prefix + name + "/", key, depth + 1);
      } else if (is_text(key)) {
        metadata[prefix + name] = read_texts(key);
      } else {
        metadata[prefix + name] = read_array(key);
      }
    }
  }

  std::vector<std::pair<std::string, std::string>> read_edges(const std::string& path) {
    const std::vector<std::uint64_t> shape = reader_.shape(path);
    if (!shape.empty() && shape[0] == 0) return {};
    if (shape.size() != 2 || shape[1] != 2) {
      fail(ErrorKind::format, path,
           fmt::format("expected shape [edges, 2], got [{}]", fmt::join(shape, ", ")));
    }
    const std::vector<std::string> ends = reader_.read_texts(path, 2 * max_nir_edges, text_left_);
    std::vector<std::pair<std::string, std::string>> edges;
    for (std::size_t i = 0; i < ends.size(); i += 2) edges.emplace_back(ends[i], ends[i + 1]);
    return edges;
  }

  std::string name_;
  Hdf5Reader reader_;
  std::uint64_t nodes_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t elements_left_ = max_nir_elements;
  std::uint64_t text_left_ = max_text_bytes;
};

}  // namespace

NirGraph read_nir(const std::filesystem::path& file) {
  NirGraph graph = NirFileReader(file).read();
  validate(graph, file.string());
  return graph;
}

}  // namespace nj

#include <algorithm>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/models/nir_file.hpp"

#include "nir_fields.hpp"

namespace nj {
namespace {

template <class Stored>
std::vector<Stored> converted(const NirArray& array) {
  std::vector<Stored> stored(array.values.size());
  std::transform(array.values.begin(), array.values.end(), stored.begin(),
                 [](double value) { return static_cast<Stored>(value); });
  return stored;
}

/// Writes the layout that the package's `write` makes of its `to_dict`.
class NirWriter {
 public:
  explicit NirWriter(const std::filesystem::path& file) : name_(file.string()), writer_(file) {}

  void write_graph(const NirGraph& graph, const std::string& path) {
    writer_.create_group(path + "/nodes");
    for (const NirNode& node : graph.nodes) {
      const std::string node_path = nir::node_path(path, node.name);
      if (const auto* subgraph = std::get_if<NirGraph>(&node.op)) {
        write_graph(*subgraph, node_path);
      } else {
        write_metadata(node.metadata, node_path);
        write_type(nir_type_name(node.op), node_path);
        std::visit([&](const auto& op) { write_node(op, node_path); }, node.op);
      }
    }
    std::vector<std::string> ends;
    for (const auto& [from, to] : graph.edges) {
      ends.push_back(from);
      ends.push_back(to);
    }
    writer_.write_texts(path + "/edges", ends, {graph.edges.size(), 2});
    write_metadata(graph.metadata, path);
    write_type("NIRGraph", path);
  }

  void write_version(const std::string& version) { writer_.write_text("/version", version); }
  void commit() { writer_.commit(); }

 private:
  void write_type(std::string_view type, const std::string& path) {
    writer_.write_text(path + "/type", std::string(type));
  }

  void write_metadata(const NirMetadata& metadata, const std::string& path) {
    for (const auto& [name, value] : metadata) {
      const std::string key = path + "/metadata/" + name;
      if (const auto* array = std::get_if<NirArray>(&value)) {
        write_array(*array, key);
      } else {
        const auto& texts = std::get<NirTexts>(value);
        writer_.write_texts(key, texts.values, texts.shape);
      }
    }
  }

  void write_array(const NirArray& array, const std::string& key) {
    switch (array.element) {
      case NirElement::float32:
        return writer_.write<float>(key, converted<float>(array), array.shape);
      case NirElement::float64:
        return writer_.write<double>(key, array.values, array.shape);
      case NirElement::int64:
        return writer_.write<std::int64_t>(key, converted<std::int64_t>(array), array.shape);
      case NirElement::boolean:
        return writer_.write_booleans(key, converted<std::uint8_t>(array), array.shape);
    }
  }

  void write_integers(const std::string& key, std::span<const std::uint64_t> values) {
    const std::vector<std::int64_t> stored(values.begin(), values.end());
    writer_.write<std::int64_t>(key, stored, {stored.size()});
  }
  void write_integer(const std::string& key, std::uint64_t value) {
    const auto stored = static_cast<std::int64_t>(value);
    writer_.write<std::int64_t>(key, std::span(&stored, 1), {});
  }

  template <class Op>
  void write_node(const Op& op, const std::string& path) {
    nir::visit_arrays(op, [&](const std::string& name, const NirArray& array) {
      write_array(array, path + "/" + name);
    });
    if constexpr (nir::is_pool<Op>) {
      write_integers(path + "/kernel_size", op.kernel_size);
      write_integers(path + "/stride", op.stride);
      write_integers(path + "/padding", op.padding);
    }
    write_extents(op, path);
  }

  template <class Op>
  void write_extents(const Op&, const std::string&) {}

  void write_extents(const NirInput& op, const std::string& path) {
    write_integers(path + "/shape", op.shape);
  }
  void write_extents(const NirOutput& op, const std::string& path) {
    write_integers(path + "/shape", op.shape);
  }
  void write_extents(const NirFlatten& op, const std::string& path) {
    if (op.input_type) write_integers(path + "/input_type", *op.input_type);
    const std::pair<const char*, std::int64_t> ends[] = {{"/start_dim", op.start_dim},
                                                         {"/end_dim", op.end_dim}};
    for (const auto& [name, value] : ends) {
      writer_.write<std::int64_t>(path + name, std::span(&value, 1), {});
    }
  }
  void write_extents(const NirConv1d& op, const std::string& path) {
    require_input_shape(op, path);
    write_integer(path + "/input_shape", *op.input_shape);
    write_integer(path + "/stride", op.stride);
    write_integer(path + "/dilation", op.dilation);
    write_integer(path + "/groups", op.groups);
    if (const auto* padding = std::get_if<std::array<std::uint64_t, 1>>(&op.padding)) {
      write_integer(path + "/padding", (*padding)[0]);
    } else {
      write_padding_mode(std::get<NirPaddingMode>(op.padding), path);
    }
  }
  void write_extents(const NirConv2d& op, const std::string& path) {
    require_input_shape(op, path);
    write_integers(path + "/input_shape", *op.input_shape);
    write_integers(path + "/stride", op.stride);
    write_integers(path + "/dilation", op.dilation);
    write_integer(path + "/groups", op.groups);
    if (const auto* padding = std::get_if<std::array<std::uint64_t, 2>>(&op.padding)) {
      write_integers(path + "/padding", *padding);
    } else {
      write_padding_mode(std::get<NirPaddingMode>(op.padding), path);
    }
  }

  template <class Conv>
  void require_input_shape(const Conv& op, const std::string& path) const {
    if (op.input_shape) return;
    throw Error(ErrorKind::config, "has no input_shape, without which the package cannot read it",
                {.file = name_, .key = path});
  }

  void write_padding_mode(NirPaddingMode mode, const std::string& path) {
    writer_.write_text(path + "/padding", mode == NirPaddingMode::same ? "same" : "valid");
  }

  std::string name_;
  Hdf5Writer writer_;
};

}  // namespace

void write_nir(const std::filesystem::path& file, const NirGraph& graph) {
  validate(graph, file.string());
  NirWriter writer(file);
  writer.write_version(graph.version);
  writer.write_graph(graph, "/node");
  writer.commit();
}

}  // namespace nj

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// NIR, the Neuromorphic Intermediate Representation, as its reference package `nir` stores it in
// HDF5. A graph is a value; every node type that the package reads and writes is a plain struct
// whose members have the package's names. Equations, with I the summed input of a node and z its
// output spikes, are the package's; nir_run.hpp says how they are stepped.
// Source: https://github.com/neuromorphs/NIR, package version 1.0.8.
namespace nj {

/// The version of the package whose layout is written.
inline constexpr std::string_view nir_layout_version = "1.0.8";

/// How a file stores the elements of an array.
enum class NirElement : std::uint8_t { float32, float64, int64, boolean };

/// A numpy array: sizes by dimension (none for a scalar), values in C order. Every value must be
/// finite and exact in its element type; integers are within +-2^53.
struct NirArray {
  std::vector<std::uint64_t> shape;
  std::vector<double> values;
  NirElement element = NirElement::float64;
  bool operator==(const NirArray&) const = default;
};

/// An array of texts; one text has no dimension.
struct NirTexts {
  std::vector<std::uint64_t> shape;
  std::vector<std::string> values;
  bool operator==(const NirTexts&) const = default;
};

/// What a user attached to a node. Keys of nested dictionaries are joined by '/'.
using NirMetadata = std::map<std::string, std::variant<NirArray, NirTexts>>;

/// Where data enters, of this shape per time step.
struct NirInput {
  std::vector<std::uint64_t> shape;
  bool operator==(const NirInput&) const = default;
};

/// Where data leaves.
struct NirOutput {
  std::vector<std::uint64_t> shape;
  bool operator==(const NirOutput&) const = default;
};

/// y = W x + b.
struct NirAffine {
  NirArray weight;  ///< [..., out, in]
  NirArray bias;    ///< [..., out]
  bool operator==(const NirAffine&) const = default;
};

/// y = W x.
struct NirLinear {
  NirArray weight;  ///< [..., out, in]
  bool operator==(const NirLinear&) const = default;
};

/// y = x s, element by element.
struct NirScale {
  NirArray scale;
  bool operator==(const NirScale&) const = default;
};

/// Padding by name: `valid` is none, `same` keeps the size.
enum class NirPaddingMode : std::uint8_t { valid, same };
template <std::size_t rank>
using NirPadding = std::variant<std::array<std::uint64_t, rank>, NirPaddingMode>;

struct NirConv1d {
  std::optional<std::uint64_t> input_shape;  ///< old files leave it out; needed for writing
  NirArray weight;                           ///< [out, in / groups, n]
  NirArray bias;                             ///< [out]
  std::uint64_t stride = 1;
  NirPadding<1> padding;
  std::uint64_t dilation = 1;
  std::uint64_t groups = 1;
  bool operator==(const NirConv1d&) const = default;
};

struct NirConv2d {
  std::optional<std::array<std::uint64_t, 2>> input_shape;  ///< height, width; as above
  NirArray weight;                                          ///< [out, in / groups, n_y, n_x]
  NirArray bias;                                            ///< [out]
  std::array<std::uint64_t, 2> stride = {1, 1};
  NirPadding<2> padding;
  std::array<std::uint64_t, 2> dilation = {1, 1};
  std::uint64_t groups = 1;
  bool operator==(const NirConv2d&) const = default;
};

/// Mean over a window, padding included.
struct NirAvgPool2d {
  std::array<std::uint64_t, 2> kernel_size = {1, 1};  ///< height, width
  std::array<std::uint64_t, 2> stride = {1, 1};
  std::array<std::uint64_t, 2> padding = {0, 0};
  bool operator==(const NirAvgPool2d&) const = default;
};

/// Sum over a window.
struct NirSumPool2d {
  std::array<std::uint64_t, 2> kernel_size = {1, 1};  ///< height, width
  std::array<std::uint64_t, 2> stride = {1, 1};
  std::array<std::uint64_t, 2> padding = {0, 0};
  bool operator==(const NirSumPool2d&) const = default;
};

/// Joins the dimensions start_dim..end_dim into one; -1 is the last.
struct NirFlatten {
  std::optional<std::vector<std::uint64_t>> input_type;  ///< shape that enters
  std::int64_t start_dim = 1;
  std::int64_t end_dim = -1;
  bool operator==(const NirFlatten&) const = default;
};

/// y(t) = x(t - delay).
struct NirDelay {
  NirArray delay;  ///< seconds
  bool operator==(const NirDelay&) const = default;
};

/// z = 1 where x > threshold.
struct NirThreshold {
  NirArray threshold;
  bool operator==(const NirThreshold&) const = default;
};

/// dv/dt = r I; the output is v.
struct NirI {
  NirArray r;
  bool operator==(const NirI&) const = default;
};

/// dv/dt = r I; z = 1 where v > v_threshold, then v = v_reset.
struct NirIf {
  NirArray r;
  NirArray v_threshold;
  NirArray v_reset;  ///< a file may leave it out: zeros
  bool operator==(const NirIf&) const = default;
};

/// tau dv/dt = v_leak - v + r I; the output is v.
struct NirLi {
  NirArray tau;  ///< seconds
  NirArray r;
  NirArray v_leak;
  bool operator==(const NirLi&) const = default;
};

/// tau dv/dt = v_leak - v + r I; z = 1 where v > v_threshold, then v = v_reset.
struct NirLif {
  NirArray tau;  ///< seconds
  NirArray r;
  NirArray v_leak;
  NirArray v_threshold;
  NirArray v_reset;  ///< a file may leave it out: zeros
  bool operator==(const NirLif&) const = default;
};

/// tau_syn dI/dt = -I + w_in S with S the input; tau_mem dv/dt = v_leak - v + r I; output v.
struct NirCubaLi {
  NirArray tau_syn;  ///< seconds
  NirArray tau_mem;  ///< seconds
  NirArray r;
  NirArray v_leak;
  NirArray w_in;  ///< one element, or one for each neuron; a file may leave it out: ones
  bool operator==(const NirCubaLi&) const = default;
};

/// As NirCubaLi; z = 1 where v > v_threshold, then v = v_reset.
struct NirCubaLif {
  NirArray tau_syn;  ///< seconds
  NirArray tau_mem;  ///< seconds
  NirArray r;
  NirArray v_leak;
  NirArray v_threshold;
  NirArray v_reset;  ///< a file may leave it out: zeros
  NirArray w_in;     ///< one element, or one for each neuron; a file may leave it out: ones
  bool operator==(const NirCubaLif&) const = default;
};

struct NirNode;

/// Nodes with unique names, and edges that add a node's output to another's input; cycles are
/// allowed. A graph is itself a node type: a subgraph.
struct NirGraph {
  std::vector<NirNode> nodes;                                ///< as read: sorted by name
  std::vector<std::pair<std::string, std::string>> edges{};  ///< from, to; in file order
  NirMetadata metadata{};
  std::string version{nir_layout_version};  ///< of the package that wrote the file; root only

  /// The node of that name, or null.
  [[nodiscard]] const NirNode* find(std::string_view name) const;
  bool operator==(const NirGraph&) const;
};

using NirOperator =
    std::variant<NirInput, NirOutput, NirAffine, NirLinear, NirScale, NirConv1d, NirConv2d,
                 NirAvgPool2d, NirSumPool2d, NirFlatten, NirDelay, NirThreshold, NirI, NirIf, NirLi,
                 NirLif, NirCubaLi, NirCubaLif, NirGraph>;

struct NirNode {
  std::string name;
  NirOperator op;
  NirMetadata metadata{};  ///< empty for a subgraph, whose metadata are its own
  bool operator==(const NirNode&) const = default;
};

/// The package's name of a node type, e.g. `CubaLIF`.
std::string_view nir_type_name(const NirOperator& op);

/// Limits on what is read or written.
inline constexpr std::uint64_t max_nir_elements = std::uint64_t{1} << 27;  ///< over all arrays
inline constexpr std::uint64_t max_nir_nodes = std::uint64_t{1} << 16;     ///< over all graphs
inline constexpr std::uint64_t max_nir_edges = std::uint64_t{1} << 20;     ///< of one graph
inline constexpr int max_nir_depth = 16;                                   ///< of subgraphs

/// Checks names, edges, shapes, extents and values. Throws: Error(config, shape, numeric,
/// capacity), key = the path in a file, e.g. `/node/nodes/lif/tau`, file as given.
void validate(const NirGraph& graph, const std::string& file = {});

/// Reads a file of the `nir` package: float64, float32 and integer arrays; fields that the package
/// lets out are filled as it fills them. Throws: Error with file and HDF5 path: io, format (not
/// HDF5, truncated, a field that is missing or unknown), unsupported (node type), and as validate.
NirGraph read_nir(const std::filesystem::path& file);

/// Writes a file that the package reads; atomically, and equal graphs give equal bytes.
/// Throws: Error(io), and as validate.
void write_nir(const std::filesystem::path& file, const NirGraph& graph);

}  // namespace nj

#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/core/base_files.hpp"
#include "neurojoule/core/ids.hpp"
#include "neurojoule/core/quantity.hpp"
#include "neurojoule/core/yaml.hpp"
#include "neurojoule/hardware/array.hpp"
#include "neurojoule/hardware/topology.hpp"
#include "neurojoule/hardware/weight_formats.hpp"

namespace nj {

/// What a core can be used for.
enum class CoreRole : std::uint8_t {
  neuron,     ///< weights, accumulators, neurons
  attention,  ///< spike-spike products of Q, K and V, accumulators, neurons
  /// As `neuron`, of weighted layers that see input frames. Where a chip has cores of this role,
  /// such layers go on them only; they take no others.
  encoder
};
std::string_view to_string(CoreRole role);

/// The memories of a core, each its own unit in counts and prices.
enum class MemoryUnit : std::uint8_t {
  synapse_memory,      ///< weights and scales
  accumulator_memory,  ///< partial sums of the step in work and of delayed steps
  membrane_memory,     ///< membrane potentials
  spike_buffer,        ///< packets waiting at axon-in; q, k, v bits on an attention core
  frame_buffer,        ///< rows of the input frame, where an encoder core reads them itself
  score_memory,        ///< K^T V of an attention core that adds it up first
  axon_table           ///< a word for each axon: where its packets go in the core; may be absent
};
inline constexpr std::array memory_units{
    MemoryUnit::synapse_memory, MemoryUnit::accumulator_memory, MemoryUnit::membrane_memory,
    MemoryUnit::spike_buffer,   MemoryUnit::frame_buffer,       MemoryUnit::score_memory,
    MemoryUnit::axon_table};
std::string_view to_string(MemoryUnit unit);

/// Capacity, access width and parallel accesses of one memory: `banks` equal parts, of which
/// consecutive words are in consecutive ones, with `ports` accesses at once in each.
struct MemorySpec {
  Bits capacity;
  std::uint32_t word_bits = 64;
  std::uint32_t banks = 1;
  std::uint32_t ports = 1;

  /// How long `words` accesses to consecutive words take, in accesses one after the other.
  [[nodiscard]] std::uint64_t rounds(std::uint64_t words) const {
    const std::uint64_t at_once = std::uint64_t{banks} * ports;
    return words / at_once + (words % at_once != 0 ? 1 : 0);
  }
};
inline constexpr std::uint32_t max_ports = 16;
inline constexpr std::uint64_t off_chip_limit = std::uint64_t{1} << 53;  ///< bits, 1 PiB: below it

/// What multiplies the pixels of frames that an encoder core reads itself, digital or analog.
struct EncoderUnitSpec {
  std::uint32_t lanes = 1;  ///< products at once
  bool skips_zero = true;   ///< a zero pixel costs no product, and words of zeros are not read
};
inline constexpr std::uint32_t max_encoder_lanes = 65'536;

/// Service times of one core kind; zero where a chip file leaves an optional one out.
struct CoreTimes {
  Picoseconds axon_in;                 ///< per delivered packet
  Picoseconds synapse_word;            ///< per synapse memory word read for a delivered spike
  Picoseconds accumulator_word;        ///< per accumulator word read or written
  Picoseconds membrane_word;           ///< per membrane word read or written
  Picoseconds synaptic_operation;      ///< per synaptic operation, attention's included
  Picoseconds neuron_update_active;    ///< per active neuron and step
  Picoseconds neuron_update_inactive;  ///< per inactive neuron and step
  Picoseconds axon_out;                ///< per packet sent
  Picoseconds coincidence_word;        ///< per word of a q or k row read, ANDed and counted
  Picoseconds score_word;              ///< per word of a v row, or of a row of K^T V, and added
  Picoseconds frame_word;              ///< per frame buffer word read or written
  Picoseconds multiply_accumulate;     ///< per `lanes` products of the encoder unit
};

/// One of them, by the name that chip files give it.
struct CoreTime {
  std::string_view name;
  Picoseconds CoreTimes::*time;
};
inline constexpr std::array core_times{
    CoreTime{"axon_in", &CoreTimes::axon_in},
    CoreTime{"synapse_word", &CoreTimes::synapse_word},
    CoreTime{"accumulator_word", &CoreTimes::accumulator_word},
    CoreTime{"membrane_word", &CoreTimes::membrane_word},
    CoreTime{"synaptic_operation", &CoreTimes::synaptic_operation},
    CoreTime{"neuron_update_active", &CoreTimes::neuron_update_active},
    CoreTime{"neuron_update_inactive", &CoreTimes::neuron_update_inactive},
    CoreTime{"axon_out", &CoreTimes::axon_out},
    CoreTime{"coincidence_word", &CoreTimes::coincidence_word},
    CoreTime{"score_word", &CoreTimes::score_word},
    CoreTime{"frame_word", &CoreTimes::frame_word},
    CoreTime{"multiply_accumulate", &CoreTimes::multiply_accumulate}};

/// One kind of core.
struct CoreKindSpec {
  std::string name;  ///< prefix of its components in ActionCounts
  std::vector<CoreRole> roles;
  std::uint32_t max_neurons = 0;
  std::optional<std::uint32_t> max_fan_in{};      ///< synapses of one neuron; absent: any number
  std::optional<std::uint32_t> max_axons{};       ///< senders that a core listens to; absent: any
  std::optional<std::uint32_t> max_spike_bits{};  ///< of the values that it takes; absent: any
  std::uint32_t max_slices = 1;  ///< on one core: they share its memories and take turns
  bool last_resort = false;      ///< for layers that find no room on cores of other kinds
  /// Indexed by MemoryUnit; absent where the kind lacks that memory.
  std::array<std::optional<MemorySpec>, memory_units.size()> memories;
  WeightFormats weight_formats;
  CoreTimes times;
  /// Of the role encoder: its layers read frames themselves; absent: they take packets.
  std::optional<EncoderUnitSpec> encoder_unit{};
  ProductOrder attention = ProductOrder::scores_first;  ///< of the role attention

  [[nodiscard]] bool has(CoreRole role) const;
  [[nodiscard]] bool holds_weights() const {
    return has(CoreRole::neuron) || has(CoreRole::encoder);
  }
  /// Whether the roles need that memory.
  [[nodiscard]] bool needs(MemoryUnit unit) const;
  [[nodiscard]] bool takes_packets() const {
    return !encoder_unit || has(CoreRole::neuron) || has(CoreRole::attention);
  }
  [[nodiscard]] const std::optional<MemorySpec>& memory(MemoryUnit unit) const {
    return memories[static_cast<std::size_t>(unit)];
  }
};

/// The memory behind the I/O port of tile 0, which sends the input frames.
struct OffChipSpec {
  Bits capacity;
  std::uint32_t word_bits = 64;
  Picoseconds word_time;  ///< per word read
  Picoseconds axon_out;   ///< per packet sent from the I/O port
};

/// Widths that the arithmetic of a chip has whatever its numbers need; absent: as wide as these.
struct DatapathSpec {
  std::optional<std::uint32_t> weight_bits{};       ///< the weight in a product
  std::optional<std::uint32_t> accumulator_bits{};  ///< adders, and partial sums as stored
  std::optional<std::uint32_t> membrane_bits{};     ///< neuron units, and membranes as stored
};

/// A chip as a file states it.
struct ChipSpec {
  std::string name;
  std::string description;
  Nanometres node;
  Volts voltage;
  TopologySpec topology;
  Picoseconds barrier;  ///< end of a time step, all cores
  Picoseconds tick;     ///< a time step lasts no less
  /// Without barriers and ticks: from when a slice has all of its inputs of a time step to its
  /// neuron phase.
  std::optional<Picoseconds> handshake{};
  OffChipSpec off_chip;
  DatapathSpec datapath{};
  std::vector<CoreKindSpec> core_kinds;
  /// The core of a chip with `schedule: streamed`, which has neither core kinds nor a network;
  /// without it weights are resident.
  std::optional<ArraySpec> array{};

  /// Whether there is but one timing level, `event`.
  [[nodiscard]] bool only_events() const { return array || handshake; }
};

inline constexpr std::uint32_t max_cores = 65'536;
inline constexpr std::uint32_t max_slices_of_kind =
    65'536;  ///< that a mapping puts on cores of a kind

/// One core of a chip.
struct Core {
  std::uint32_t kind = 0;  ///< position in `ChipSpec::core_kinds`
  std::uint32_t tile = 0;
};

/// A validated chip. Cores are numbered tile by tile, in the order in which each lists
/// them; an array is not among them.
class Chip {
 public:
  /// Throws: Error(config), key = the field's path, when sizes are zero or absurd, a name is
  /// unknown or used twice, a memory or time that a role needs is missing, some encoders take
  /// packets and others read frames, or as Topology.
  explicit Chip(ChipSpec spec);

  [[nodiscard]] const ChipSpec& spec() const { return spec_; }
  [[nodiscard]] const Topology& topology() const { return topology_; }
  [[nodiscard]] std::span<const Core> cores() const { return cores_; }
  [[nodiscard]] const Core& core(CoreId id) const { return cores_[id.index]; }
  [[nodiscard]] const CoreKindSpec& kind_of(CoreId id) const {
    return spec_.core_kinds[core(id).kind];
  }
  /// Number of cores of the kind at a position in `ChipSpec::core_kinds`.
  [[nodiscard]] std::uint64_t cores_of_kind(std::uint32_t kind) const;
  /// How many slices these hold, at most `max_slices_of_kind`.
  [[nodiscard]] std::uint64_t slices_of_kind(std::uint32_t kind) const;
  [[nodiscard]] bool has_encoders() const;
  /// Whether the encoders read input frames themselves.
  [[nodiscard]] bool reads_frames() const;

 private:
  void add_cores(const TileGroup& group);

  ChipSpec spec_;
  Topology topology_;
  std::vector<Core> cores_;
};

/// Reads a resolved chip description (chip_file.hpp); the caller finishes the document.
/// Throws: Error(config) with file, line, column and key path.
Chip read_chip(const YamlNode& node);

/// A path that starts at the folder.
std::filesystem::path beside(const std::string& name, const std::filesystem::path& directory);

/// Reads a whole chip file, with those that it builds on; keys nobody knows are refused.
/// Throws: as load_chip_document, read_chip.
Chip load_chip(const std::filesystem::path& file, const BaseFinder& find = beside);

}  // namespace nj

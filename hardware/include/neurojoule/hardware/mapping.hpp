#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/core/number_format.hpp"
#include "neurojoule/hardware/chip.hpp"
#include "neurojoule/hardware/tiling.hpp"

namespace nj {

/// The widths in which a chip stores and computes one layer.
///
/// Each is read at one layer of a population: weights and accumulator at the lead, membrane at the
/// Lif, output at the layer that sends the spikes.
struct LayerWidths {
  NumberFormat weights;                   ///< as stored
  std::uint32_t weight_integer_bits = 8;  ///< the multiplier's weight operand
  std::uint32_t accumulator_bits = 16;    ///< 1..64
  std::uint32_t membrane_bits = 16;       ///< 1..64
  std::uint32_t output_bits = 1;          ///< 1 for spikes, 1..32 for other values (inputs 1..8)
};

/// A block of one population's neurons on one core: channels x rows x columns, each [begin, end).
struct LayerSlice {
  static constexpr std::uint32_t all_columns = 0xFFFFFFFFU;
  std::uint32_t population = 0;
  std::uint32_t channel_begin = 0;
  std::uint32_t channel_end = 0;
  std::uint32_t row_begin = 0;
  std::uint32_t row_end = 0;
  CoreId core;
  std::uint32_t column_begin = 0;
  std::uint32_t column_end = all_columns;  ///< or to the map's border
  [[nodiscard]] bool cuts_columns() const { return column_begin != 0 || column_end != all_columns; }
  friend bool operator==(const LayerSlice&, const LayerSlice&) = default;
};

/// Which slice sits on which core; several share one where its kind takes so many and they fit
/// together. Input populations have none: they sit at the I/O port of tile 0. On a chip with an
/// array: how each population is tiled.
struct Mapping {
  std::vector<LayerSlice> slices;      ///< by population, then rows, columns, channels
  std::vector<LayerTiling> tilings{};  ///< one per population but inputs, in order
  friend bool operator==(const Mapping&, const Mapping&) = default;
};

/// One reason why a network does not fit a chip.
struct Violation {
  std::string layer;     ///< name of the population's lead layer
  std::string resource;  ///< `neurons`, `fan_in`, a memory's name, `cores`, ...
  std::uint64_t needed = 0;
  std::uint64_t available = 0;
  std::string message;
  std::optional<std::uint32_t> slice{};  ///< of a given mapping: position in `slices`
};

/// A mapping, or what it lacks.
/// Widths of all layers on a chip, and where its datapath is too narrow for one.
struct DatapathWidths {
  std::vector<LayerWidths> widths;
  std::vector<Violation> violations;  ///< in the order of layers
};
/// Narrower numbers are extended to the chip's datapath; codes of weights are stored as they are.
/// `widths`: one per layer.
DatapathWidths widths_on(const ChipSpec& chip, const Network& network,
                         std::span<const LayerWidths> widths);

struct MappingResult {
  Mapping mapping;                    ///< empty when there are violations
  std::vector<Violation> violations;  ///< all of them, in population order
  [[nodiscard]] bool feasible() const { return violations.empty(); }
};

/// Cuts every population into the fewest slices that fit a core kind of the right role, and puts
/// them on the cores of that kind in order; `place` finds better ones, `faster_slices` cuts
/// further.
///
/// Of several kinds one with room for all slices is taken, rather one that is no last resort, then
/// one with a core for each; where all kinds would have to share, that whose cores are then filled
/// least; then that with the fewest slices, then the first.
///
/// Each slice has a core to itself where there are cores enough. Where there are not, and the kind
/// takes several slices on a core, the largest come first, each on the core that is then filled
/// least (of the limit that is nearest, part of what there is); if some find no room so, each on
/// the first core with room. If that fails too, layers are cut into slices of at most half a core,
/// a third, and so on to a 16th, those that can be, until all find room; then each layer in turn
/// into slices as large as still find it. Slices of a layer on one core that are a block together
/// become one.
///
/// Rows are cut before channels among equal numbers of slices (a spike then reaches fewer cores),
/// columns only in slices of one row, and where that takes fewer slices than without.
/// Deterministic. Attention is cut by whole heads. The kernel of one output channel is never split,
/// by input channels or kernel positions: the parts would have to send each other partial sums,
/// which no core of ours does; a channel that does not fit is a violation.
///
/// For an array: the tile of each population whose tiling reads the fewest input bits, of these the
/// fewest tiles, then the most channels. Channels of a tile are all, a multiple of the array's
/// columns, or fewer than those (attention: whole heads); columns are cut only in tiles of one row.
/// Throws: Error(shape) when `widths` does not have one entry per layer, Error(config) when a width
/// is out of range.
MappingResult map_network(const Network& network, std::span<const Population> populations,
                          std::span<const LayerWidths> widths, const Chip& chip);

/// What one slice occupies on its core.
///
/// * neurons: channels x rows x columns (classes for a head).
/// * fan_in: senders of one neuron away from the border: in_channels * kernel^2; all for a head;
/// the
///   operands of an add; 0 for attention, which has no synapses.
/// * axons: senders that reach the slice, as rows and columns away from the border would:
///   in_channels * input rows * input columns; all for a head; operands * neurons for an add; q of
///   its rows, k and v of all rows for attention; none for frames that it reads itself.
/// * spike_bits: of the widest value that it takes.
/// * synapse_memory: storage_bits(format, channels * in_channels * kernel^2, channels), once for
///   all positions.
/// * accumulator_memory: neurons * accumulator bits * slots; slots = 1 + longest wait of an operand
///   (PopulationGraph); 1 slot for attention and for frames that it reads itself, as their sums are
///   made within the step.
/// * membrane_memory: neurons * membrane bits where there is a Lif.
/// * spike_buffer: for attention, (q bits of its rows + k and v bits of all rows) * slots.
/// * axon_table: axons * the width of its word, where the core has one.
/// * score_memory: where attention adds up K^T V first, channels * channels of a head * bits of the
///   number of tokens.
/// * frame_buffer: where it reads frames itself, the whole rows that reach it, or of a slice with
/// some
///   columns the parts under its kernels, as away from the border: input rows * input columns *
///   in_channels * bits of a value.
struct Footprint {
  std::uint64_t neurons = 0;
  std::uint64_t fan_in = 0;
  std::uint64_t axons = 0;
  std::uint32_t spike_bits = 1;
  std::array<std::uint64_t, memory_units.size()> memory_bits{};  ///< indexed by MemoryUnit
  [[nodiscard]] std::uint64_t bits(MemoryUnit unit) const {
    return memory_bits[static_cast<std::size_t>(unit)];
  }
};

/// One entry per slice, in order; compare with `chip.kind_of(slice.core)` for utilisation.
///
/// Slices that share a core need their neurons, axons and memories side by side, each from the
/// beginning of a word on, also weights that are the same; fan_in and spike_bits are limits of
/// each. Throws: Error(shape) when a slice is on a core that the chip lacks.
std::vector<Footprint> footprints(const Network& network, std::span<const Population> populations,
                                  std::span<const LayerWidths> widths, const Chip& chip,
                                  const Mapping& mapping);

/// A core with slices.
struct UsedCore {
  CoreId core;
  std::vector<std::uint32_t> slices;  ///< positions in `Mapping::slices`, ascending
};
/// In the order of their first slices.
std::vector<UsedCore> used_cores(const Mapping& mapping);

/// What the slices of each used core need together, in the order of `used_cores`; `uses` is by
/// slice.
std::vector<Footprint> core_footprints(const Chip& chip, const Mapping& mapping,
                                       std::span<const Footprint> uses);

/// Why each population is tiled as it is; none without tilings.
std::vector<TilingReport> explain_tiling(const Network& network,
                                         std::span<const Population> populations,
                                         std::span<const LayerWidths> widths, const Chip& chip,
                                         const Mapping& mapping);

/// Everything wrong with a given mapping: neurons left out or placed twice, cores that do not
/// exist, lack the role or hold too many slices, and limits exceeded, by a slice or by all of a
/// core together.
std::vector<Violation> check_mapping(const Network& network,
                                     std::span<const Population> populations,
                                     std::span<const LayerWidths> widths, const Chip& chip,
                                     const Mapping& mapping);

}  // namespace nj

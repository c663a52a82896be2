#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/hardware/chip.hpp"
#include "neurojoule/hardware/mapping.hpp"
#include "neurojoule/hardware/population_graph.hpp"

#include "network/packet_routes.hpp"

// All of a mapped network that does not depend on spikes, worked out once for all samples.
namespace nj {

/// A half-open range of rows, columns or channels.
struct Range {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  [[nodiscard]] bool empty() const { return begin >= end; }
  [[nodiscard]] std::uint32_t size() const { return empty() ? 0 : end - begin; }
  [[nodiscard]] bool contains(std::uint32_t i) const { return i >= begin && i < end; }
};

/// Outputs in `within` whose window covers input index `i`: o * stride + k - padding = i, 0 <= k <
/// kernel.
Range reached(std::uint32_t i, std::uint32_t kernel, std::uint32_t stride, std::uint32_t padding,
              Range within);

/// How spikes of a producer reach one operand of a consumer's slice: a spike at (y, x, c) reaches
/// positions rows[y] x columns[x] when c is in `channels`.
struct PortReach {
  bool graded = false;
  std::vector<Range> rows;     ///< by y of the producer's output
  std::vector<Range> columns;  ///< by x
  Range channels;
  [[nodiscard]] bool accepts(std::uint32_t y, std::uint32_t x, std::uint32_t c) const {
    return channels.contains(c) && !rows[y].empty() && !columns[x].empty();
  }
  /// Of a spike at (y, x).
  [[nodiscard]] std::uint32_t positions(std::uint32_t y, std::uint32_t x) const {
    return rows[y].size() * columns[x].size();
  }
};

/// One consumer slice as seen by one producing population.
struct Receiver {
  std::uint32_t producer = 0;  ///< population
  std::uint32_t slice = 0;
  CoreId core;
  std::uint32_t tile = 0;
  bool merges = false;  ///< the producer pools over several slices: a position may come twice
  bool graded = false;  ///< the producer's values may exceed 1
  std::vector<PortReach> ports;
};

/// What a spike of one cell does to one receiver.
struct Way {
  std::uint32_t receiver = 0;
  std::uint32_t operands = 0;   ///< ports that take it
  std::uint32_t positions = 0;  ///< that it reaches, over all ports; 0 on attention cores
};

/// Who receives the spikes of one population. All spikes of a cell, a range of channels at one
/// position, go the same ways.
struct Fan {
  FeatureShape shape;                ///< of what the population sends
  Range receivers;                   ///< its own in Plan::receivers
  std::uint32_t ranges = 1;          ///< of channels
  std::vector<std::uint32_t> range;  ///< by channel
  std::vector<std::uint32_t> first;  ///< [positions * ranges + 1]
  std::vector<Way> ways;             ///< cells' ways, one after another
  /// With multicast, by cell: those with the same receivers are of one group.
  std::vector<std::uint32_t> groups;
  std::uint32_t group_count = 0;
  [[nodiscard]] std::uint32_t cell(std::uint32_t position, std::uint32_t channel) const {
    return position * ranges + range[channel];
  }
  [[nodiscard]] std::span<const Way> at(std::uint32_t cell) const {
    return std::span(ways).subspan(first[cell], first[cell + 1] - first[cell]);
  }
};

/// How a slice reads the frames of an input itself; numbers are of one time step.
struct FramePlan {
  LayerId input;
  PortReach reach;
  std::uint32_t bits = 1;             ///< of a value
  Range columns;                      ///< of the frame that it reads: all, but for some columns
  std::uint64_t row_values = 0;       ///< of one row of these, [x, c]
  std::uint64_t row_words = 0;        ///< of the frame buffer, for one row
  std::uint64_t words = 0;            ///< written to the frame buffer
  std::uint64_t weight_words = 0;     ///< read from synapse memory
  std::uint64_t off_chip_bits = 0;    ///< read: the rows that reach the slice
  std::uint64_t off_chip_words = 0;   ///< of off-chip memory
  std::uint64_t dense_words = 0;      ///< read from the frame buffer where zeros count
  std::uint64_t dense_rounds = 0;     ///< accesses one after the other, for these
  std::uint64_t dense_positions = 0;  ///< (value, position that it reaches) pairs, zeros too
};

/// What a spike costs at each position of a slice that it reaches.
struct PositionWork {
  std::uint32_t fan = 1;                ///< synaptic operations
  std::uint64_t synapse_words = 0;      ///< read
  std::uint64_t accumulator_words = 0;  ///< read, and written
  Picoseconds time;                     ///< of the synapse unit
};
PositionWork position_work(const Operator& lead, const LayerWidths& widths, std::uint32_t channels,
                           const CoreKindSpec& kind);

/// One slice with its constants.
struct SlicePlan {
  LayerSlice place;
  const Operator* op = nullptr;  ///< the lead
  const CoreKindSpec* kind = nullptr;
  FeatureShape shape;  ///< neurons of the whole population
  std::uint32_t slots = 1;
  PositionWork position;
  std::uint64_t spike_row_words = 0;  ///< of a q, k or v row of one head
  std::uint32_t score_bits = 0;       ///< of an element of K^T V, where that is added up first
  std::uint64_t score_row_words = 0;  ///< of a row of K^T V of one head
  std::optional<FramePlan> frame{};   ///< where it reads frames itself
  bool beside_layers = false;         ///< its core works for other layers, too

  [[nodiscard]] std::uint32_t channels() const { return place.channel_end - place.channel_begin; }
  [[nodiscard]] Range rows() const { return {place.row_begin, place.row_end}; }
  [[nodiscard]] Range columns() const {
    return {place.column_begin, std::min(place.column_end, shape.width)};
  }
  [[nodiscard]] std::uint64_t positions() const {
    return std::uint64_t{rows().size()} * columns().size();
  }
  [[nodiscard]] std::uint64_t neurons() const { return positions() * channels(); }
  [[nodiscard]] bool attention() const { return std::holds_alternative<SpikingSelfAttention>(*op); }
};

/// Words of `unit` that hold `bits`.
std::uint64_t words(const CoreKindSpec& kind, MemoryUnit unit, std::uint64_t bits);
/// Accesses one after the other in which so many words of `unit` are read or written.
std::uint64_t rounds(const CoreKindSpec& kind, MemoryUnit unit, std::uint64_t words);

/// `count` of them, one after another.
inline Picoseconds times(Picoseconds time, std::uint64_t count) {
  return time * static_cast<std::int64_t>(count);
}

struct Plan {
  const Network& network;
  std::span<const Population> populations;
  std::span<const LayerWidths> widths;
  const Chip& chip;
  PopulationGraph graph;
  std::vector<SlicePlan> slices;  ///< as in the mapping
  std::vector<UsedCore> cores;
  std::vector<Receiver> receivers;
  std::vector<Fan> fans;  ///< by population
  PacketRoutes routes;
  /// By source (slices, then populations at the I/O port), and receiver of the population, or with
  /// multicast group of cells: the tree of its packets, where it sends such.
  std::vector<std::uint32_t> trees;
  std::vector<std::size_t> first_tree;  ///< by source, in `trees`; and the end of the last

  [[nodiscard]] const LayerWidths& width(LayerId layer) const { return widths[layer.index]; }
  /// Of a packet that a population sends.
  [[nodiscard]] std::uint32_t packet_bits(std::uint32_t population) const {
    return chip.spec().topology.bits_with(width(populations[population].output()).output_bits);
  }
};

/// Outputs of a population, pooled where it pools.
struct Sent {
  Range rows;
  Range columns;
  Range channels;
};
/// What a slice may send; empty ranges where it sends nothing.
Sent sent_by(const Plan& plan, const SlicePlan& slice);
/// All that a population may send at the I/O port.
inline Sent all_of(const FeatureShape& shape) {
  return {{0, shape.height}, {0, shape.width}, {0, shape.channels}};
}

/// Calls `see(cell, neurons)` for each cell of what is sent that somebody receives, with its
/// channels that are sent.
template <class See>
void for_each_cell(const Fan& fan, const Sent& sent, See&& see) {
  for (std::uint32_t y = sent.rows.begin; y < sent.rows.end; ++y) {
    for (std::uint32_t x = sent.columns.begin; x < sent.columns.end; ++x) {
      const std::uint32_t position = y * fan.shape.width + x;
      for (std::uint32_t c = sent.channels.begin; c < sent.channels.end;) {
        const std::uint32_t first = c;
        while (c < sent.channels.end && fan.range[c] == fan.range[first]) ++c;
        const std::uint32_t cell = fan.cell(position, first);
        if (!fan.at(cell).empty()) see(cell, c - first);
      }
    }
  }
}

/// Throws: Error(capacity) with the first violation of the mapping.
Plan make_plan(const Network& network, std::span<const Population> populations,
               std::span<const LayerWidths> widths, const Chip& chip, const Mapping& mapping);

}  // namespace nj

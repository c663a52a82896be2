#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/hardware/chip.hpp"
#include "neurojoule/hardware/mapping.hpp"

#include "streamed/tile_needs.hpp"

namespace nj {

/// Where a spike train is between turns.
enum class TrainPlace : std::uint8_t { off_chip, spike_buffer };

/// One population on the array.
struct LayerPlan {
  std::uint32_t population = 0;
  TileNeeds needs;
  LayerTiling tiling;
  std::vector<std::uint32_t> producers;  ///< populations, by operand
  bool input_kept = false;               ///< all input of a turn is loaded at once
  TrainPlace output = TrainPlace::off_chip;
};

/// Everything about a tiled network and its number of time steps that does not depend on spikes.
struct StreamPlan {
  const Network& network;
  std::span<const Population> populations;
  std::span<const LayerWidths> widths;
  const Chip& chip;
  const ArraySpec& array;
  std::uint32_t timesteps = 0;
  std::uint32_t steps_per_turn = 0;
  std::vector<std::optional<LayerPlan>> layers{};  ///< by population; none of inputs

  [[nodiscard]] const BufferSpec& buffer(ArrayBuffer which) const { return *array.buffer(which); }
  [[nodiscard]] std::uint64_t words(ArrayBuffer which, std::uint64_t bits) const {
    return nj::words(buffer(which), bits);
  }
  /// Where the train of a population is.
  [[nodiscard]] TrainPlace place_of(std::uint32_t population) const {
    return layers[population] ? layers[population]->output : TrainPlace::off_chip;
  }
};

/// Throws: Error(capacity) with the first violation of the mapping, or when off-chip memory cannot
/// hold the trains of all time steps, or when there are too many jobs.
StreamPlan make_stream_plan(const Network& network, std::span<const Population> populations,
                            std::span<const LayerWidths> widths, const Chip& chip,
                            const Mapping& mapping, std::uint32_t timesteps);

}  // namespace nj

#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "support/mapped_network.hpp"

// A scenario small enough to work out by hand: 2 binary inputs, 2 layers of 4 neurons, 3 time
// steps, 4 cores. tests/hardware/micro_scenario_test.cpp does the arithmetic.
namespace nj::testing {

/// The layers of the scenario.
inline constexpr LayerId input{0}, a{1}, a_lif{2}, b{3}, b_lif{4};

/// The mesh of a chip that has one.
inline GridShape& grid_of(ChipSpec& spec) {
  return std::get<GridShape>(std::get<NetworkSpec>(spec.topology.network).shape);
}

/// A chip with a handshake in place of barriers.
inline Chip without_barriers(const Chip& chip, Picoseconds handshake) {
  ChipSpec spec = chip.spec();
  spec.barrier = {};
  spec.tick = {};
  spec.handshake = handshake;
  return Chip(std::move(spec));
}

/// Gives every memory that a core kind has that capacity.
inline void resize_memories(CoreKindSpec& kind, Bits capacity) {
  for (auto& memory : kind.memories) {
    if (memory) memory->capacity = capacity;
  }
}

/// Room for so many neurons and slices, and for all that they need in memories.
inline CoreKindSpec& roomy(CoreKindSpec& kind, std::uint32_t neurons, std::uint32_t slices) {
  kind.max_neurons = neurons;
  kind.max_slices = slices;
  resize_memories(kind, Bits{1 << 14});
  return kind;
}

/// A 2 x 2 mesh with one `neuron` core of two neurons in each tile:
///
///     tile 0 (0,0)  --  tile 2 (1,0)
///        |                 |
///     tile 1 (0,1)  --  tile 3 (1,1)
inline Chip micro_chip() {
  CoreKindSpec neuron;
  neuron.name = "neuron";
  neuron.roles = {CoreRole::neuron};
  neuron.max_neurons = 2;
  neuron.memories = {MemorySpec{Bits{1024}, 8}, MemorySpec{Bits{64}, 16}, MemorySpec{Bits{32}, 16},
                     MemorySpec{Bits{1024}, 64}};
  neuron.weight_formats.uniform_bits = 8;
  neuron.times.axon_in = Picoseconds{3'000};
  neuron.times.synapse_word = Picoseconds{2'000};
  neuron.times.neuron_update_active = Picoseconds{5'000};
  neuron.times.neuron_update_inactive = Picoseconds{4'000};
  neuron.times.axon_out = Picoseconds{1'000};
  ChipSpec spec;
  spec.name = "micro";
  spec.topology.network = NetworkSpec{GridShape{2,
                                                2,
                                                false,
                                                {64, Picoseconds{6'000}, Picoseconds{10'000}},
                                                {64, Picoseconds{6'000}, Picoseconds{20'000}}},
                                      Routing::dimension_order};
  spec.topology.tile = {"neuron"};
  spec.topology.within_tile = Picoseconds{1'000};
  spec.barrier = Picoseconds{100'000};
  spec.off_chip = {Bits{1024}, 8, Picoseconds{2'000}, Picoseconds{1'000}};
  spec.core_kinds = {neuron};
  return Chip(std::move(spec));
}

/// input [2] -> a (1x1, 4 neurons) -> b (1x1, 4 neurons); layers input, a, a.lif, b, b.lif.
inline Network micro_network() {
  return Network::build({{"input", Input{{2, 1, 1}, 1}, {}},
                         {"a", Conv2d{2, 4, 1, 1, 0}, {{"input"}}},
                         {"a.lif", Lif{}, {{"a"}}},
                         {"b", Conv2d{4, 4, 1, 1, 0}, {{"a.lif"}}},
                         {"b.lif", Lif{}, {{"b"}}}});
}

/// A spike train from (time step, address) pairs.
inline SpikeTensor spikes_at(std::uint32_t timesteps, FeatureShape shape,
                             const std::vector<std::pair<std::uint32_t, std::uint64_t>>& spikes) {
  SpikeTensor train(timesteps, shape);
  for (const auto& [t, address] : spikes) train.set(t, address);
  return train;
}

/// Spikes by time step: input {0} {0,1} {}; a {1} {0,1,3} {}; b {} {2} {3}.
inline SpikeTrace micro_trace() {
  SpikeTrace trace(5);
  trace[0] = spikes_at(3, {2, 1, 1}, {{0, 0}, {1, 0}, {1, 1}});
  trace[2] = spikes_at(3, {4, 1, 1}, {{0, 1}, {1, 0}, {1, 1}, {1, 3}});
  trace[4] = spikes_at(3, {4, 1, 1}, {{1, 2}, {2, 3}});
  return trace;
}

/// Weights of 5 bits, accumulators of 10, membranes of 12; a on cores 0 and 1, b on 2 and 3.
inline MappedNetwork micro_scenario() {
  Network network = micro_network();
  LayerWidths widths;
  widths.weights = {Scheme::uniform, 5, Granularity::per_channel};
  widths.weight_integer_bits = 5;
  widths.accumulator_bits = 10;
  widths.membrane_bits = 12;
  widths.output_bits = 1;
  return {network,
          populations(network),
          std::vector<LayerWidths>(network.size(), widths),
          micro_chip(),
          {{{1, 0, 2, 0, 1, CoreId{0}},
            {1, 2, 4, 0, 1, CoreId{1}},
            {2, 0, 2, 0, 1, CoreId{2}},
            {2, 2, 4, 0, 1, CoreId{3}}}},
          micro_trace()};
}

}  // namespace nj::testing

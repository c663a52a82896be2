#pragma once

#include <string>

namespace nj {

/// A chip file of two tiles, each with a neuron core and an attention core.
inline const std::string good = R"(name: test
description: two tiles
technology: {node: 45 nm, voltage: 0.9 V}
topology:
  kind: mesh
  width: 2
  height: 1
  tile: [neuron, attention]
  flit: 64 bit
  link: {cycle: 1 ns}
  hop_east_west: {latency: 4.1 ns}
  hop_north_south: {latency: 6.5 ns}
  within_tile: {latency: 2.1 ns}
synchronisation: {barrier: 500 ns}
off_chip: {capacity: 1 GiB, word: 64 bit, word_time: 1 ns, axon_out: 1 ns}
core_kinds:
  neuron:
    role: neuron
    max_neurons: 1024
    synapse_memory: {capacity: 128 KiB, word: 64 bit}
    accumulator_memory: {capacity: 8 KiB, word: 64 bit}
    membrane_memory: {capacity: 4 KiB, word: 64 bit}
    spike_buffer: {capacity: 4 KiB, word: 64 bit}
    weight_formats: {uniform: 8 bit, power_of_two: 4 bit}
    times: {axon_in: 1 ns, synapse_word: 2 ns, neuron_update_active: 3 ns, neuron_update_inactive: 2 ns, axon_out: 1 ns}
  attention:
    role: [attention]
    max_neurons: 512
    accumulator_memory: {capacity: 8 KiB, word: 64 bit}
    membrane_memory: {capacity: 4 KiB, word: 64 bit}
    spike_buffer: {capacity: 4 KiB, word: 64 bit}
    times: {axon_in: 1 ns, neuron_update_active: 3 ns, neuron_update_inactive: 2 ns, axon_out: 1 ns, coincidence_word: 1 ns, score_word: 1 ns}
)";

}  // namespace nj

#pragma once

#include <utility>

#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_scenario.hpp"

// A scenario for encoder cores that read the frames of an input themselves.
namespace nj::testing {

/// The micro chip with larger neuron cores, and an encoder that reads frames in each tile: cores 1,
/// 3, 5 and 7.
inline ChipSpec frames_chip() {
  ChipSpec spec = micro_chip().spec();
  CoreKindSpec& neuron = spec.core_kinds[0];
  neuron.max_neurons = 12;
  neuron.memories[1]->capacity = Bits{512};
  neuron.memories[2]->capacity = Bits{512};
  CoreKindSpec encoder = neuron;
  neuron.max_spike_bits = 1;
  encoder.name = "encoder";
  encoder.roles = {CoreRole::encoder};
  encoder.max_neurons = 8;
  encoder.memories[3].reset();                    // no packets come
  encoder.memories[4] = MemorySpec{Bits{24}, 4};  // a pixel of 4 bits per word
  encoder.encoder_unit = EncoderUnitSpec{4, true};
  encoder.times.axon_in = {};
  encoder.times.frame_word = Picoseconds{500};
  encoder.times.multiply_accumulate = ns(3);
  spec.core_kinds.push_back(encoder);
  spec.topology.tile = {"neuron", "encoder"};
  return spec;
}

inline Network frames_network(std::int16_t largest_pixel) {
  return Network::build({{"input", Input{{1, 3, 2}, largest_pixel}, {}},
                         {"a", Conv2d{1, 2, 3, 1, 1}, {{"input"}}},
                         {"a.lif", Lif{}, {{"a"}}},
                         {"b", Conv2d{2, 2}, {{"a.lif"}}},
                         {"b.lif", Lif{}, {{"b"}}}});
}

/// Frames of 3 x 2 pixels, layer a with 2 channels of 3 x 3 kernels on two encoders (rows 0 and 1,
/// and row 2), and b with 2 channels behind it. In step 0 there are the pixels (0, 0) = 9 and
/// (1, 1) = 3, and channel 1 of a fires at (0, 0); step 1 is empty.
inline MappedNetwork frames_scenario(const ChipSpec& spec = frames_chip()) {
  MappedNetwork s = micro_scenario();
  s.network = frames_network(15);
  s.populations = populations(s.network);
  s.widths[0].output_bits = 4;
  s.chip = Chip(spec);
  s.mapping = {
      {{1, 0, 2, 0, 2, CoreId{1}}, {1, 0, 2, 2, 3, CoreId{3}}, {2, 0, 2, 0, 3, CoreId{0}}}};
  GradedTensor frames(2, {1, 3, 2});
  frames.step(0)[0] = 9;
  frames.step(0)[3] = 3;
  s.trace[0] = frames;
  s.trace[2] = spikes_at(2, {2, 3, 2}, {{0, 1}});
  s.trace[4] = spikes_at(2, {2, 3, 2}, {});
  return s;
}

}  // namespace nj::testing

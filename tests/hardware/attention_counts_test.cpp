#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

#include "support/mapped_network.hpp"
#include "support/micro_scenario.hpp"

namespace nj {
namespace {

// q = k = v layers of 2 tokens x 4 channels in 2 heads (d = 2) on their own cores; attention with
// 2 tokens on one attention core whose spike buffer words have 1 bit, so a row of a head is 2
// words.
//
// Spikes (token: channels):   q 0: {0, 2}   q 1: {}      head 0 = channels 0, 1; head 1 = 2, 3
//                             k 0: {0, 3}   k 1: {0, 1, 2}
//                             v 0: {1, 2}   v 1: {0, 1}
// Head 0, token 0: q row {0}; k 0 {0}: score 1, v 0 in head 0 {1}: 1 addition; k 1 {0, 1}: score 1,
//   v 1 {0, 1}: 2 additions. Head 1, token 0: q row {2}; k 0 {3}: 0; k 1 {2}: score 1, v 1 in head
//   1
//   {}: 0 additions. Token 1: q rows empty in both heads.
// Coincidences 3, score additions 3. Rows read: q 4, k 4 (2 heads x 2 tokens for token 0), v 3: 11
//   rows of 2 words. and_bit: 4 k rows x 2 bits = 8.
// Channels reached by scores: token 0: 0, 1 (head 0), none in head 1 (v row empty). So of the 8
//   neurons 2 are active; the one that fires (token 1, channel 3) makes 3.

testing::MappedNetwork attention_scenario() {
  Network network =
      Network::build({{"input", Input{{1, 1, 2}, 1}, {}},
                      {"q", Conv2d{1, 4}, {{"input"}}},
                      {"q.lif", Lif{}, {{"q"}}},
                      {"k", Conv2d{1, 4}, {{"input"}}},
                      {"k.lif", Lif{}, {{"k"}}},
                      {"v", Conv2d{1, 4}, {{"input"}}},
                      {"v.lif", Lif{}, {{"v"}}},
                      {"att",
                       SpikingSelfAttention{2, 0.25},
                       {{"q.lif", Port::query}, {"k.lif", Port::key}, {"v.lif", Port::value}}},
                      {"att.lif", Lif{}, {{"att"}}}});
  const testing::MappedNetwork micro = testing::micro_scenario();
  ChipSpec spec = micro.chip.spec();
  CoreKindSpec& neuron = spec.core_kinds[0];
  neuron.max_neurons = 8;
  neuron.memories[1]->capacity = Bits{1024};
  neuron.memories[2]->capacity = Bits{1024};
  CoreKindSpec attention = neuron;
  attention.name = "attention";
  attention.roles = {CoreRole::attention};
  attention.memories[0].reset();
  attention.memories[3] = MemorySpec{Bits{48}, 1};  // exactly (2 + 2 * 2 tokens) x 4 bits x 2 slots
  attention.times.coincidence_word = Picoseconds{100};
  attention.times.score_word = Picoseconds{10'000};
  attention.times.synaptic_operation = Picoseconds{1'000'000};
  spec.core_kinds.push_back(attention);
  spec.topology.tile = {"neuron", "attention"};
  testing::MappedNetwork s{network,
                           populations(network),
                           std::vector<LayerWidths>(network.size(), micro.widths[0]),
                           Chip(spec),
                           {},
                           SpikeTrace(network.size())};
  s.mapping = map_network(s.network, s.populations, s.widths, s.chip).mapping;
  const FeatureShape shape{4, 1, 2};
  const auto layer = [&](const char* name) -> auto& { return s.trace[network.find(name)->index]; };
  layer("input") = SpikeTensor(1, {1, 1, 2});
  layer("q.lif") = testing::spikes_at(1, shape, {{0, 0}, {0, 2}});
  layer("k.lif") = testing::spikes_at(1, shape, {{0, 0}, {0, 3}, {0, 4}, {0, 5}, {0, 6}});
  layer("v.lif") = testing::spikes_at(1, shape, {{0, 1}, {0, 2}, {0, 4}, {0, 5}});
  layer("att.lif") = testing::spikes_at(1, shape, {{0, 7}});
  return s;
}

TEST_CASE("attention: every count of (Q K^T) V is the one worked out by hand") {
  const testing::MappedNetwork s = attention_scenario();
  REQUIRE(s.mapping.slices.size() == 4);
  const SimulationResult result =
      simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping);
  const LayerId att = *s.network.find("att");
  const LayerId lif = *s.network.find("att.lif");
  const auto at = [&](const char* component, Action action, std::uint32_t width, LayerId layer) {
    return result.actions.at({component, action, width, layer});
  };
  // 2 q, 5 k and 4 v spikes, one packet each to the only slice; each writes one operand bit.
  CHECK(result.packets == 11);
  CHECK(at("attention.spike_buffer", Action::write_word, 1, att) == 11);
  CHECK(at("attention.spike_buffer", Action::read_word, 1, att) == 22);
  CHECK(at("attention.attention_unit", Action::and_bit, 1, att) == 8);
  CHECK(at("attention.attention_unit", Action::accumulate, 10, att) == 6);
  CHECK(at("attention.attention_unit", Action::synaptic_operation, 1, att) == 6);
  CHECK(at("attention.neuron_unit", Action::neuron_update_active, 12, lif) == 3);
  CHECK(at("attention.neuron_unit", Action::neuron_update_inactive, 12, lif) == 5);
  CHECK(at("attention.accumulator_memory", Action::read_word, 16, lif) == 5);  // 80 bits
  CHECK(at("attention.membrane_memory", Action::write_word, 16, lif) == 6);    // 96 bits
}

/// K^T V first, in words of 2 bits; its elements count 2 tokens, so they have 2 bits.
testing::MappedNetwork values_first() {
  testing::MappedNetwork s = attention_scenario();
  ChipSpec spec = s.chip.spec();
  spec.core_kinds[1].attention = ProductOrder::values_first;
  spec.core_kinds[1].memories[static_cast<std::size_t>(MemoryUnit::score_memory)] =
      MemorySpec{Bits{16}, 2};  // exactly 4 channels x 2 channels of a head x 2 bits
  s.chip = Chip(spec);
  const MappingResult mapped = map_network(s.network, s.populations, s.widths, s.chip);
  REQUIRE(mapped.feasible());
  s.mapping = mapped.mapping;
  return s;
}

TEST_CASE("attention: every count of Q (K^T V) is the one worked out by hand") {
  // K^T V. Head 0, token 0: k {0}, v {1}: row 0 is written, 1 addition. Token 1: k {0, 1}, v {0,
  // 1}: row 0 is read and written, row 1 written, 2 additions each. Head 1, token 0: k {3}, v {2}:
  // row 3 is written, 1 addition. Token 1: k {2}, no v. So 4 k rows, 4 v rows, 1 read, 4 written, 6
  // additions. Q: 4 q rows; token 0, head 0: row 0, which has 2 elements; head 1: row 2 is all 0.
  const testing::MappedNetwork s = values_first();
  const SimulationResult result =
      simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping);
  const LayerId att = *s.network.find("att");
  const LayerId lif = *s.network.find("att.lif");
  const auto at = [&](const char* component, Action action, std::uint32_t width, LayerId layer) {
    return result.actions.at({component, action, width, layer});
  };
  CHECK(at("attention.spike_buffer", Action::read_word, 1, att) == (4 + 4 + 4) * 2);
  CHECK(at("attention.score_memory", Action::read_word, 2, att) == (1 + 1) * 2);
  CHECK(at("attention.score_memory", Action::write_word, 2, att) == 4 * 2);
  CHECK(at("attention.attention_unit", Action::accumulate, 2, att) == 6);
  CHECK(at("attention.attention_unit", Action::accumulate, 10, att) == 2);
  CHECK(at("attention.attention_unit", Action::synaptic_operation, 1, att) == 8);
  CHECK(result.actions.total(Action::and_bit) == 0);
  CHECK(at("attention.neuron_unit", Action::neuron_update_active, 12, lif) == 3);
  CHECK(at("attention.neuron_unit", Action::neuron_update_inactive, 12, lif) == 5);
  // 8 rows q and k x 2 words x 0.1 ns, 4 rows v and 6 of K^T V x 2 words x 10 ns, 8 operations x 1
  // us, 3 active x 5 ns, 5 inactive x 4 ns.
  CHECK(result.busy[s.mapping.slices.back().core.index].neuron_unit ==
        Picoseconds{1'600 + 200'000 + 8'000'000 + 15'000 + 20'000});
}

TEST_CASE("attention: K^T V that does not fit is cut by heads, and its memory is named") {
  testing::MappedNetwork s = values_first();
  ChipSpec spec = s.chip.spec();
  auto& memory = spec.core_kinds[1].memories[static_cast<std::size_t>(MemoryUnit::score_memory)];
  memory->capacity = Bits{8};  // one head
  CHECK(map_network(s.network, s.populations, s.widths, Chip(spec)).mapping.slices.size() == 5);
  memory->capacity = Bits{7};
  const MappingResult result = map_network(s.network, s.populations, s.widths, Chip(spec));
  REQUIRE(result.violations.size() == 1);
  CHECK(result.violations[0].resource == "score_memory");
  CHECK(result.violations[0].needed == 8);
}

TEST_CASE("attention: the neuron unit takes the sum of its words, operations and updates") {
  const testing::MappedNetwork s = attention_scenario();
  const SimulationResult result =
      simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping);
  const CoreId core = s.mapping.slices.back().core;
  // 8 rows q and k x 2 words x 0.1 ns, 3 rows v x 2 words x 10 ns, 6 operations x 1 us, 3 active x
  // 5 ns, 5 inactive x 4 ns.
  CHECK(result.busy[core.index].neuron_unit ==
        Picoseconds{1'600 + 60'000 + 6'000'000 + 15'000 + 20'000});
  // 11 packets x axon_in.
  CHECK(result.busy[core.index].synapse_unit == Picoseconds{33'000});
}

TEST_CASE("attention: split by heads, packets and work stay the same") {
  testing::MappedNetwork s = attention_scenario();
  ChipSpec spec = s.chip.spec();
  spec.core_kinds[1].memories[3]->capacity = Bits{24};  // one head: half of the bits
  s.chip = Chip(spec);
  const MappingResult split = map_network(s.network, s.populations, s.widths, s.chip);
  REQUIRE(split.feasible());
  REQUIRE(split.mapping.slices.size() == 5);
  CHECK(split.mapping.slices[3].channel_end == 2);
  const SimulationResult result =
      simulate(s.network, s.populations, s.widths, s.trace, s.chip, split.mapping);
  // Every operand bit belongs to one head, so still one packet per spike.
  CHECK(result.packets == 11);
  CHECK(result.actions.total(Action::and_bit) == 8);
  CHECK(result.actions.at({"attention.attention_unit", Action::synaptic_operation, 1,
                           *s.network.find("att")}) == 6);
}

}  // namespace
}  // namespace nj

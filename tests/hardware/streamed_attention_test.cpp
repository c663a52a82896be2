#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_array.hpp"

namespace nj {
namespace {

std::uint64_t at(const SimulationResult& result, const char* component, Action action,
                 std::uint32_t width, LayerId layer) {
  return result.actions.at({component, action, width, layer});
}

// One head of 2 channels, 2 tokens: q 0 {0}, q 1 {}; k 0 {0}, k 1 {0, 1}; v 0 {1}, v 1 {0, 1}.
// Scores of token 0: 1 and 1; token 1: 0 and 0. Coincidences 2, score additions 1 + 2 = 3.
// K^T V: m 0: 1 x 1, m 1: 2 x 2, so 5 coincidences; q has 1 spike, 1 row of 2 channels: 2
// additions.
struct MicroAttention {
  Network network =
      Network::build({{"input", Input{{1, 1, 2}, 1}, {}},
                      {"q", Conv2d{1, 2}, {{"input"}}},
                      {"q.lif", Lif{}, {{"q"}}},
                      {"k", Conv2d{1, 2}, {{"input"}}},
                      {"k.lif", Lif{}, {{"k"}}},
                      {"v", Conv2d{1, 2}, {{"input"}}},
                      {"v.lif", Lif{}, {{"v"}}},
                      {"att",
                       SpikingSelfAttention{1, 0.25},
                       {{"q.lif", Port::query}, {"k.lif", Port::key}, {"v.lif", Port::value}}},
                      {"att.lif", Lif{}, {{"att"}}}});
  LayerId att = *network.find("att");
  LayerId lif = *network.find("att.lif");

  [[nodiscard]] SimulationResult run(ProductOrder order, bool skips_zero = true) const {
    const auto pops = populations(network);
    const std::vector<LayerWidths> widths(network.size(), testing::micro_scenario().widths[0]);
    SpikeTrace trace(network.size());
    const FeatureShape shape{2, 1, 2};
    trace[0] = SpikeTensor(1, {1, 1, 2});
    trace[network.find("q.lif")->index] = testing::spikes_at(1, shape, {{0, 0}});
    trace[network.find("k.lif")->index] = testing::spikes_at(1, shape, {{0, 0}, {0, 2}, {0, 3}});
    trace[network.find("v.lif")->index] = testing::spikes_at(1, shape, {{0, 1}, {0, 2}, {0, 3}});
    trace[lif.index] = testing::spikes_at(1, shape, {{0, 3}});
    ChipSpec spec = testing::micro_array();
    spec.array->attention = order;
    spec.array->skips_zero = skips_zero;
    testing::capacity(spec, ArrayBuffer::accumulator_buffer) = Bits{128};
    const Chip chip(spec);
    return simulate(network, pops, widths, trace, chip,
                    map_network(network, pops, widths, chip).mapping);
  }
};

TEST_CASE("array: attention as (Q K^T) V, by hand") {
  const MicroAttention s;
  const SimulationResult r = s.run(ProductOrder::scores_first);
  CHECK(at(r, "array.pe", Action::accumulate, 10, s.att) == 5);
  CHECK(at(r, "array.pe", Action::synaptic_operation, 1, s.att) == 5);
  CHECK(at(r, "array.pe", Action::and_bit, 1, s.att) == 2);  // 1 query spike x 2 tokens
  // One block of 2 tokens x 2 keys, 1 step (channel 0): a word of k. One of 2 tokens x 2 channels,
  // 2 steps (both keys have a score in row 0): 2 words of v. k and v: 4 bits each, a word each.
  CHECK(at(r, "array.weight_buffer", Action::read_word, 8, s.att) == 3);
  CHECK(at(r, "array.weight_buffer", Action::write_word, 8, s.att) == 2);
  // q: one word of 4 bits loaded, one word read per token.
  CHECK(at(r, "array.input_buffer", Action::write_word, 8, s.att) == 1);
  CHECK(at(r, "array.input_buffer", Action::read_word, 8, s.att) == 2);
  // Rows of 2 x 10 bits are 2 words: scores of 2 tokens written and read, sums of 2 written; the
  // neurons read those.
  CHECK(at(r, "array.accumulator_buffer", Action::write_word, 16, s.att) == 8);
  CHECK(at(r, "array.accumulator_buffer", Action::read_word, 16, s.att) == 4);
  CHECK(at(r, "array.accumulator_buffer", Action::read_word, 16, s.lif) == 4);
  // Reached: both channels of token 0. Token 1 fires in channel 1 without.
  CHECK(at(r, "array.neuron_unit", Action::neuron_update_active, 12, s.lif) == 3);
  CHECK(at(r, "array.neuron_unit", Action::neuron_update_inactive, 12, s.lif) == 1);
  // Cycles: scores max(1 step, 2 input, 1 weight, 4 words of sums) = 4; sums max(2, 2, 4 + 4) = 8;
  // neurons max(2, 4 sums, 6 membranes) = 6.
  CHECK(r.array.back().computing == Picoseconds{18'000});
}

TEST_CASE("array: attention without skipping takes all steps, and adds as much") {
  const MicroAttention s;
  // Scores: 2 channels, a word of k each; sums: 2 tokens, a word of v each. Values first: 2 tokens
  // x 2 words, then 2 channels x 2 words of sums.
  const SimulationResult scores = s.run(ProductOrder::scores_first, false);
  CHECK(at(scores, "array.weight_buffer", Action::read_word, 8, s.att) == 4);
  CHECK(at(scores, "array.pe", Action::accumulate, 10, s.att) == 5);
  const SimulationResult values = s.run(ProductOrder::values_first, false);
  CHECK(at(values, "array.weight_buffer", Action::read_word, 8, s.att) == 4);
  CHECK(at(values, "array.accumulator_buffer", Action::read_word, 16, s.att) == 4);
  CHECK(at(values, "array.pe", Action::accumulate, 10, s.att) == 7);
}

TEST_CASE("array: attention as Q (K^T V), by hand") {
  const MicroAttention s;
  const SimulationResult r = s.run(ProductOrder::values_first);
  CHECK(at(r, "array.pe", Action::accumulate, 10, s.att) == 5 + 2);
  CHECK(at(r, "array.pe", Action::and_bit, 1, s.att) == 3 * 2);  // 3 key spikes x 2 channels
  // K^T V: one block of 2 x 2 channels, 2 steps (both tokens have keys), a word of k and one of v
  // each: 4. Q (..): 1 step, and its 2 words of 20 bits come from the sums' buffer.
  CHECK(at(r, "array.weight_buffer", Action::read_word, 8, s.att) == 4);
  CHECK(at(r, "array.accumulator_buffer", Action::write_word, 16, s.att) == 4 + 4);
  CHECK(at(r, "array.accumulator_buffer", Action::read_word, 16, s.att) == 2);
  // The neurons do not know the order.
  CHECK(at(r, "array.neuron_unit", Action::neuron_update_active, 12, s.lif) == 3);
  // Cycles: K^T V max(2, 4 weight words, 4 sums) = 4; then max(1, 2 input, 2 + 4 sums) = 6;
  // neurons 6.
  CHECK(r.array.back().computing == Picoseconds{16'000});
}

}  // namespace
}  // namespace nj

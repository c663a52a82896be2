#include <map>
#include <set>

#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_array.hpp"
#include "support/small_spikformer.hpp"

// Random layers on random arrays: off-chip traffic against a sum over positions, one by one, and
// operations against the chip of many cores, which shares none of the array's code.
namespace nj {
namespace {

using testing::capacity;

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : key_{seed, 4, 3} {}
  std::uint32_t operator()(std::uint32_t least, std::uint32_t most) {
    return least + static_cast<std::uint32_t>(random_below(key_, next_++, most - least + 1));
  }

 private:
  RandomKey key_;
  std::uint32_t next_ = 0;
};

ChipSpec random_array(Draw& draw) {
  ChipSpec spec = testing::micro_array();
  ArraySpec& array = *spec.array;
  array.rows = draw(1, 5);
  array.columns = draw(1, 5);
  array.neuron_lanes = draw(1, 4);
  array.skips_zero = draw(0, 1) == 1;
  array.weights = draw(0, 1) == 1 ? WeightLoads::per_step : WeightLoads::per_layer;
  capacity(spec, ArrayBuffer::input_buffer) = Bits{draw(400, 4'000)};
  capacity(spec, ArrayBuffer::weight_buffer) = Bits{draw(1'000, 20'000)};
  capacity(spec, ArrayBuffer::accumulator_buffer) = Bits{draw(64, 4'000)};
  capacity(spec, ArrayBuffer::membrane_buffer) = Bits{draw(64, 6'000)};
  capacity(spec, ArrayBuffer::output_buffer) = Bits{draw(64, 600)};
  spec.off_chip.capacity = Bits{1'000'000};
  spec.off_chip.word_bits = draw(1, 64);
  spec.off_chip.word_time = Picoseconds{1'000 * draw(0, 3)};
  return spec;
}

/// What one convolution moves over the off-chip port, position by position.
class NaiveTraffic {
 public:
  NaiveTraffic(const Network& network, const ChipSpec& spec, const LayerTiling& tiling,
               std::uint32_t steps)
      : conv_(std::get<Conv2d>(network.layer({1}).op)),
        in_(network.output_shape({0})),
        out_(network.output_shape({1})),
        sent_(network.output_shape({static_cast<std::uint32_t>(network.size()) - 1})),
        spec_(spec),
        tiling_(tiling),
        steps_(steps) {
    if (network.size() == 4) pool_ = std::get<MaxPool2d>(network.layer({3}).op);
  }

  std::uint64_t weights = 0, inputs = 0, membranes_in = 0, membranes_out = 0;
  std::uint64_t shared = 0, outputs = 0;

  void count(std::uint32_t input_bits, std::uint32_t membrane_bits) {
    const bool per_step = spec_.array->weights == WeightLoads::per_step;
    const std::uint32_t turns = per_step ? steps_ : 1;
    const std::uint64_t turn_input = in_.neurons() * input_bits * (per_step ? 1 : steps_);
    const bool kept =
        tiling_.tiles() > 1 && 2 * turn_input <= spec_.array->capacity(ArrayBuffer::input_buffer);
    if (kept) inputs += turns * transfer(turn_input);
    for (std::uint32_t c0 = 0; c0 < out_.channels; c0 += tiling_.tile_channels) {
      const std::uint64_t channels = std::min(tiling_.tile_channels, out_.channels - c0);
      weights +=
          turns *
          transfer(channels * (8ULL * conv_.in_channels * conv_.kernel.y * conv_.kernel.x + 32));
      std::set<std::pair<std::uint32_t, std::uint32_t>> stored;
      for (std::uint32_t y0 = 0; y0 < out_.height; y0 += tiling_.tile_rows) {
        for (std::uint32_t x0 = 0; x0 < out_.width; x0 += tiling_.tile_columns) {
          tile(y0, x0, channels, kept ? 0 : input_bits, membrane_bits, stored);
        }
      }
    }
  }

 private:
  [[nodiscard]] std::uint64_t transfer(std::uint64_t bits) const {
    std::uint64_t whole = 0;
    while (whole < bits) whole += spec_.off_chip.word_bits;
    return whole;
  }

  void tile(std::uint32_t y0, std::uint32_t x0, std::uint64_t channels, std::uint32_t input_bits,
            std::uint32_t membrane_bits,
            std::set<std::pair<std::uint32_t, std::uint32_t>>& stored) {
    std::set<std::uint32_t> rows, columns;
    std::set<std::pair<std::uint32_t, std::uint32_t>> windows;
    std::uint64_t positions = 0;
    for (std::uint32_t y = y0; y < std::min(out_.height, y0 + tiling_.tile_rows); ++y) {
      for (std::uint32_t x = x0; x < std::min(out_.width, x0 + tiling_.tile_columns); ++x) {
        ++positions;
        for (std::uint32_t i = 0; i < conv_.kernel.y * conv_.kernel.x; ++i) {
          const std::uint32_t iy = y * conv_.stride.y + i / conv_.kernel.x - conv_.padding.y;
          const std::uint32_t ix = x * conv_.stride.x + i % conv_.kernel.x - conv_.padding.x;
          if (iy < in_.height) rows.insert(iy);
          if (ix < in_.width) columns.insert(ix);
        }
        add_windows(y, x, windows);
      }
    }
    if (!rows.empty() && !columns.empty()) {  // the block from the first to the last of each
      const std::uint64_t block =
          (*rows.rbegin() - *rows.begin() + 1ULL) * (*columns.rbegin() - *columns.begin() + 1ULL);
      inputs += steps_ * transfer(block * in_.channels * input_bits);
    }
    std::uint64_t again = 0;
    for (const auto& window : windows) again += stored.insert(window).second ? 0 : 1;
    shared += steps_ * transfer(again * channels);
    outputs += steps_ * transfer(windows.size() * channels);
    if (!tiling_.membranes_spill) return;
    membranes_in += (steps_ - 1) * transfer(positions * channels * membrane_bits);
    membranes_out = membranes_in;
  }

  void add_windows(std::uint32_t y, std::uint32_t x,
                   std::set<std::pair<std::uint32_t, std::uint32_t>>& windows) const {
    if (!pool_) {
      windows.insert({y, x});
      return;
    }
    for (std::uint32_t oy = 0; oy < sent_.height; ++oy) {
      for (std::uint32_t ox = 0; ox < sent_.width; ++ox) {
        if (y + pool_->padding.y - oy * pool_->stride.y < pool_->kernel.y &&
            x + pool_->padding.x - ox * pool_->stride.x < pool_->kernel.x) {
          windows.insert({oy, ox});
        }
      }
    }
  }

  const Conv2d& conv_;
  FeatureShape in_, out_, sent_;
  const ChipSpec& spec_;
  LayerTiling tiling_;
  std::uint32_t steps_;
  std::optional<MaxPool2d> pool_;
};

Network random_convolution(Draw& draw) {
  const Extent kernel{draw(1, 4), draw(1, 3)};
  const Conv2d conv{draw(1, 7), draw(1, 12), kernel, Extent{draw(1, 3), draw(1, 2)},
                    Extent{draw(0, kernel.y - 1), draw(0, kernel.x - 1)}};
  const FeatureShape input{conv.in_channels, draw(4, 10), draw(3, 9)};
  std::vector<Network::Draft> drafts{
      {"input", Input{input, 3}, {}}, {"a", conv, {{"input"}}}, {"a.lif", Lif{}, {{"a"}}}};
  if (draw(0, 1) == 1) {
    const Extent window{draw(1, 3), draw(1, 3)};
    drafts.push_back({"pool",
                      MaxPool2d{window, Extent{draw(1, 3), draw(1, 3)},
                                Extent{draw(0, window.y / 2), draw(0, window.x / 2)}},
                      {{"a.lif"}}});
  }
  return Network::build(std::move(drafts));
}

TEST_CASE("array: off-chip traffic of random convolutions is the sum over their positions") {
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    CAPTURE(seed);
    Draw draw(seed);
    std::optional<Network> network;
    try {
      network = random_convolution(draw);
    } catch (const Error&) {
      continue;  // a window larger than its map
    }
    const ChipSpec spec = random_array(draw);
    const Chip chip(spec);
    const auto pops = populations(*network);
    std::vector<LayerWidths> widths = testing::small_widths(*network);
    widths[0].output_bits = 2;
    widths[2].membrane_bits = 12;
    const MappingResult mapped = map_network(*network, pops, widths, chip);
    if (!mapped.feasible()) continue;
    const std::uint32_t steps = draw(1, 4);
    const SpikeTrace trace = testing::random_trace(*network, steps, 20, seed);
    const SimulationResult r = simulate(*network, pops, widths, trace, chip, mapped.mapping);
    NaiveTraffic naive(*network, spec, mapped.mapping.tilings[0], steps);
    naive.count(2, 12);
    const auto bits = [&](Action action, std::uint32_t layer) {
      return r.actions.at({"off_chip.memory", action, 1, LayerId{layer}});
    };
    const auto last = static_cast<std::uint32_t>(network->size()) - 1;
    CHECK(bits(Action::read_bit, 1) == naive.weights + naive.inputs);
    if (last == 2) {
      CHECK(bits(Action::read_bit, 2) == naive.membranes_in);
      CHECK(bits(Action::write_bit, 2) == naive.membranes_out + naive.outputs);
    } else {
      CHECK(bits(Action::read_bit, 2) == naive.membranes_in);
      CHECK(bits(Action::write_bit, 2) == naive.membranes_out);
      CHECK(bits(Action::read_bit, 3) == naive.shared);
      CHECK(bits(Action::write_bit, 3) == naive.outputs);
    }
    // Every picosecond of the array is computing or waiting, but for the last store.
    Picoseconds used;
    Picoseconds port;
    for (const ArrayStep& step : r.array) {
      used += step.computing + step.waiting_for_loads + step.waiting_for_stores;
      port += step.off_chip;
    }
    CHECK(used <= r.timeline.latency());
    CHECK(port <= r.timeline.latency());
    if (spec.off_chip.word_time == Picoseconds{0}) {  // nothing to wait for
      Picoseconds computing;
      for (const ArrayStep& step : r.array) computing += step.computing;
      CHECK(computing == r.timeline.latency());
      ++seen["free"];
    }
    const LayerTiling& tiling = mapped.mapping.tilings[0];
    ++seen["all"];
    if (tiling.channel_tiles > 1) ++seen["channels"];
    if (tiling.row_tiles > 1) ++seen["rows"];
    if (tiling.column_tiles > 1) ++seen["columns"];
    if (naive.membranes_in > 0) ++seen["spills"];
    if (naive.shared > 0) ++seen["shared"];
  }
  for (const char* kind : {"all", "channels", "rows", "columns", "spills", "shared", "free"}) {
    CAPTURE(kind);
    CHECK(seen[kind] > 50);  // the cases are really there
  }
}

/// Counts of one action by layer, of all units whose name ends so.
std::map<std::uint32_t, std::uint64_t> by_layer(const SimulationResult& result, Action action,
                                                std::string_view unit) {
  std::map<std::uint32_t, std::uint64_t> sums;
  for (const auto& [key, count] : result.actions.entries()) {
    if (key.action == action && std::string_view(key.component).ends_with(unit) && count != 0) {
      sums[key.layer.index] += count;
    }
  }
  return sums;
}

TEST_CASE("array: operations are those of a many-core chip, whatever the tiles") {
  const Network network = testing::small_spikformer({32, 16, 1, 4, 5});
  const auto pops = populations(network);
  auto widths = testing::small_widths(network);
  const SpikeTrace trace = testing::random_trace(network, 3, 15, 5);
  const Chip mesh = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml");
  const SimulationResult cores = simulate(network, pops, widths, trace, mesh,
                                          map_network(network, pops, widths, mesh).mapping);
  const ChipSpec shipped =
      load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/pe_array45.yaml").spec();
  std::set<std::uint64_t> tiles;
  std::set<std::uint64_t> traffic;
  for (const std::uint64_t divisor : {1, 4, 8}) {
    for (const WeightLoads loads : {WeightLoads::per_layer, WeightLoads::per_step}) {
      CAPTURE(divisor);
      CAPTURE(to_string(loads));
      ChipSpec spec = shipped;
      spec.array->weights = loads;
      spec.array->rows = 16 / static_cast<std::uint32_t>(divisor);
      for (auto& buffer : spec.array->buffers) {
        buffer->capacity = Bits{buffer->capacity.value() / divisor};
      }
      const Chip chip(spec);
      const MappingResult mapped = map_network(network, pops, widths, chip);
      REQUIRE(mapped.feasible());
      std::uint64_t all = 0;
      for (const LayerTiling& tiling : mapped.mapping.tilings) all += tiling.tiles();
      tiles.insert(all);
      const SimulationResult r = simulate(network, pops, widths, trace, chip, mapped.mapping);
      CHECK(simulate(network, pops, widths, trace, chip, mapped.mapping) == r);
      traffic.insert(r.actions.total(Action::read_bit));
      for (const auto& [action, unit, units] :
           {std::tuple{Action::synaptic_operation, ".pe", "_unit"},
            {Action::multiply, ".pe", "_unit"},
            {Action::accumulate, ".neuron_unit", ".neuron_unit"},
            {Action::compare, ".neuron_unit", ".neuron_unit"},
            {Action::or_bit, ".neuron_unit", ".neuron_unit"},
            {Action::neuron_update_active, ".neuron_unit", ".neuron_unit"},
            {Action::neuron_update_inactive, ".neuron_unit", ".neuron_unit"}}) {
        CAPTURE(to_string(action));
        CHECK(by_layer(r, action, unit) == by_layer(cores, action, units));
        CHECK(by_layer(r, action, unit).size() > 0);
      }
    }
  }
  CHECK(tiles.size() >= 3);
  CHECK(traffic.size() == 6);
}

/// Q (K^T V) of one attention, channel pair by channel pair: additions, and ANDs of keys.
std::pair<std::uint64_t, std::uint64_t> naive_values_first(const Network& network, LayerId layer,
                                                           const SpikeTrace& trace) {
  const auto operands = network.operands(layer);  // query, key, value
  const FeatureShape& shape = network.output_shape(layer);
  const std::uint32_t d =
      shape.channels / std::get<SpikingSelfAttention>(network.layer(layer).op).heads;
  const auto spikes = [&](std::size_t i, std::uint32_t t, std::uint64_t n, std::uint32_t c) {
    return std::get<SpikeTensor>(*trace[operands[i].source.index]).test(t, n * shape.channels + c);
  };
  std::uint64_t additions = 0;
  std::uint64_t ands = 0;
  for (std::uint32_t t = 0; t < timesteps_of(*trace[operands[0].source.index]); ++t) {
    for (std::uint64_t n = 0; n < shape.positions(); ++n) {
      for (std::uint32_t c = 0; c < shape.channels; ++c) {
        for (std::uint32_t j = c / d * d; j < c / d * d + d; ++j) {
          if (spikes(1, t, n, c)) ++ands;
          if (spikes(1, t, n, c) && spikes(2, t, n, j)) ++additions;
          if (spikes(0, t, n, c)) ++additions;
        }
      }
    }
  }
  return {additions, ands};
}

TEST_CASE("array: Q (K^T V) adds what its order needs, whatever the tiles") {
  const Network network = testing::small_spikformer({32, 16, 1, 4, 5});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const SpikeTrace trace = testing::random_trace(network, 3, 15, 6);
  const LayerId attention = *network.find("block0.attention");
  const auto [additions, ands] = naive_values_first(network, attention, trace);
  REQUIRE(additions > 100);
  ChipSpec spec = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/pe_array45.yaml").spec();
  spec.array->attention = ProductOrder::values_first;
  std::set<std::uint64_t> tiles;
  for (const std::uint64_t bits : {131'072, 2'560, 1'200}) {
    capacity(spec, ArrayBuffer::accumulator_buffer) = Bits{bits};
    spec.array->buffers[2]->word_bits = 32;
    const Chip chip(spec);
    const MappingResult mapped = map_network(network, pops, widths, chip);
    REQUIRE(mapped.feasible());
    for (const LayerTiling& tiling : mapped.mapping.tilings) {
      if (pops[tiling.population].lead == attention) tiles.insert(tiling.tiles());
    }
    const SimulationResult r = simulate(network, pops, widths, trace, chip, mapped.mapping);
    CHECK(r.actions.at({"array.pe", Action::accumulate, 16, attention}) == additions);
    CHECK(r.actions.at({"array.pe", Action::synaptic_operation, 1, attention}) == additions);
    CHECK(r.actions.at({"array.pe", Action::and_bit, 1, attention}) == ands);
  }
  CHECK(tiles.size() == 3);
}

TEST_CASE("array: attention and heads that are larger than their buffers come in pieces") {
  const Network network = testing::small_spikformer({32, 32, 1, 4, 5});  // 16 tokens
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const SpikeTrace trace = testing::random_trace(network, 3, 15, 7);
  const LayerId attention = *network.find("block0.attention");
  const LayerId lif = *network.find("block0.attention.lif");
  const LayerId head = *network.find("head");
  ChipSpec spec = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/pe_array45.yaml").spec();
  const auto run = [&] {
    const Chip chip(spec);
    const MappingResult mapped = map_network(network, pops, widths, chip);
    REQUIRE(mapped.feasible());
    std::map<std::uint32_t, LayerTiling> tilings;
    for (const LayerTiling& tiling : mapped.mapping.tilings) {
      tilings[pops[tiling.population].lead.index] = tiling;
    }
    return std::pair{tilings, simulate(network, pops, widths, trace, chip, mapped.mapping)};
  };
  const auto [whole_tilings, whole] = run();
  CHECK(whole_tilings.at(head.index).tiles() == 1);
  CHECK_FALSE(whole_tilings.at(attention.index).membranes_spill);
  // One head has 8 channels x 16 tokens x 16 bits = 2048 bits of membranes. The head's input has 32
  // channels x 4 bits at 16 tokens, 2048 bits; twice a row of 4 tokens is 1024.
  capacity(spec, ArrayBuffer::membrane_buffer) = Bits{2'047};
  capacity(spec, ArrayBuffer::input_buffer) = Bits{1'024};
  spec.array->buffers[3]->word_bits = 16;
  spec.array->buffers[3]->banks = 1;
  const auto [tilings, pieces] = run();
  CHECK(tilings.at(head.index).row_tiles == 4);
  const LayerTiling& tiling = tilings.at(attention.index);
  CHECK(tiling.membranes_spill);
  CHECK(tiling.position_tiles() > 1);
  // All 32 x 16 x 16 bits in whole words of 64, loaded and stored between the 3 steps.
  CHECK(pieces.actions.at({"off_chip.memory", Action::read_bit, 1, lif}) == 2 * 32 * 16 * 16);
  for (const auto& [action, unit] : {std::pair{Action::accumulate, ".pe"},
                                     {Action::synaptic_operation, ".pe"},
                                     {Action::and_bit, ".pe"},
                                     {Action::accumulate, ".neuron_unit"},
                                     {Action::neuron_update_active, ".neuron_unit"},
                                     {Action::neuron_update_inactive, ".neuron_unit"}}) {
    CAPTURE(to_string(action));
    CHECK(by_layer(pieces, action, unit) == by_layer(whole, action, unit));
  }
}

}  // namespace
}  // namespace nj

#include <algorithm>
#include <map>
#include <numeric>

#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

#include "support/mapped_network.hpp"
#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"

namespace nj {
namespace {

using testing::run;

const std::string chips = std::string(NJ_SOURCE_DIR) + "/hardware/chips/";

testing::MappedNetwork spikformer_on(const std::string& chip_file, std::uint32_t channels = 32) {
  Network network =
      testing::small_spikformer({.channels = channels, .pixels = 18, .blocks = 1, .heads = 4});
  testing::MappedNetwork m{network,
                           populations(network),
                           testing::small_widths(network),
                           load_chip(chips + chip_file),
                           {},
                           testing::random_trace(network, 2, 15, 5)};
  const MappingResult result = map_network(m.network, m.populations, m.widths, m.chip);
  for (const Violation& violation : result.violations) MESSAGE(violation.message);
  REQUIRE(result.feasible());
  m.mapping = result.mapping;
  return m;
}

/// Output positions that see input position (y, x), by trying all.
std::uint64_t fan_out(const Conv2d& conv, const FeatureShape& out, std::uint32_t y,
                      std::uint32_t x) {
  std::uint64_t count = 0;
  for (std::uint32_t oy = 0; oy < out.height; ++oy) {
    for (std::uint32_t ox = 0; ox < out.width; ++ox) {
      for (std::uint32_t k = 0; k < conv.kernel.y * conv.kernel.x; ++k) {
        const bool row = oy * conv.stride.y + k / conv.kernel.x == y + conv.padding.y;
        const bool column = ox * conv.stride.x + k % conv.kernel.x == x + conv.padding.x;
        if (row && column) ++count;
      }
    }
  }
  return count;
}

std::uint64_t attention_events(const testing::MappedNetwork& m, LayerId lead) {
  const auto operands = m.network.operands(lead);
  const auto& q = std::get<SpikeTensor>(*m.trace[operands[0].source.index]);
  const auto& k = std::get<SpikeTensor>(*m.trace[operands[1].source.index]);
  const auto& v = std::get<SpikeTensor>(*m.trace[operands[2].source.index]);
  const FeatureShape& shape = q.shape();
  const auto heads = std::get<SpikingSelfAttention>(m.network.layer(lead).op).heads;
  const std::uint64_t d = shape.channels / heads;
  std::uint64_t events = 0;
  for (std::uint32_t t = 0; t < q.timesteps(); ++t) {
    for (std::uint64_t h = 0; h < heads; ++h) {
      for (std::uint64_t n = 0; n < shape.positions(); ++n) {
        for (std::uint64_t token = 0; token < shape.positions(); ++token) {
          std::uint64_t score = 0;
          std::uint64_t spikes = 0;
          for (std::uint64_t j = h * d; j < (h + 1) * d; ++j) {
            score += q.test(t, n * shape.channels + j) && k.test(t, token * shape.channels + j);
            spikes += v.test(t, token * shape.channels + j);
          }
          events += score + (score != 0 ? spikes : 0);
        }
      }
    }
  }
  return events;
}

/// Synaptic events of a lead layer as core/activity.hpp defines them, from the trains alone.
std::uint64_t synaptic_events(const testing::MappedNetwork& m, LayerId lead) {
  const Operator& op = m.network.layer(lead).op;
  if (std::holds_alternative<SpikingSelfAttention>(op)) return attention_events(m, lead);
  std::uint64_t events = 0;
  for (const Operand& operand : m.network.operands(lead)) {
    const SpikeTrain& train = *m.trace[operand.source.index];
    const FeatureShape& in = shape_of(train);
    for (std::uint32_t t = 0; t < timesteps_of(train); ++t) {
      for_each(train, t, [&](std::uint64_t address, std::int16_t) {
        const auto position = static_cast<std::uint32_t>(address / in.channels);
        if (const auto* conv = std::get_if<Conv2d>(&op)) {
          events += conv->out_channels * fan_out(*conv, m.network.output_shape(lead),
                                                 position / in.width, position % in.width);
        } else if (const auto* head = std::get_if<ClassifierHead>(&op)) {
          events += head->classes;
        } else {
          events += 1;
        }
      });
    }
  }
  return events;
}

/// Totals by everything but the component's core kind and the network's actions.
ActionCounts without_network(const ActionCounts& counts) {
  ActionCounts kept;
  for (const auto& [key, count] : counts.entries()) {
    const bool network = is_hop(key.action) || key.action == Action::spike_within_tile ||
                         key.action == Action::leak_cycle;
    if (!network) kept.add(key, count);
  }
  return kept;
}

TEST_CASE("counts: synaptic operations of every layer equal its synaptic events") {
  for (const char* chip : {"mesh45.yaml", "loihi1.yaml"}) {
    const testing::MappedNetwork m = spikformer_on(chip);
    const SimulationResult result = run(m);
    std::map<std::uint32_t, std::uint64_t> operations;
    for (const auto& [key, count] : result.actions.entries()) {
      if (key.action == Action::synaptic_operation) operations[key.layer.index] += count;
    }
    for (const Population& population : m.populations) {
      CAPTURE(m.network.layer(population.lead).name);
      CHECK(operations[population.lead.index] == synaptic_events(m, population.lead));
    }
  }
}

TEST_CASE("counts: packets in equal packets out, and hops equal the routes' lengths") {
  const testing::MappedNetwork m = spikformer_on("loihi1.yaml");
  const SimulationResult result = run(m, {.record_packets = true});
  CHECK(result.packets > 1000);
  CHECK(result.actions.total(Action::packet_inject) == result.packets);
  CHECK(result.actions.total(Action::packet_deliver) == result.packets);
  CHECK(result.records.size() == result.packets);
  std::uint64_t hops = 0;
  std::uint64_t within = 0;
  for (const PacketRecord& record : result.records) {
    const bool io = record.source.index == m.chip.cores().size();
    const std::uint32_t from = io ? 0 : m.chip.core(record.source).tile;
    const std::uint32_t to = m.chip.core(record.destination).tile;
    hops += m.chip.topology().hops(from, to);
    within += from == to ? 1 : 0;
    CHECK(record.injected <= record.arrived);
    CHECK(record.arrived <= record.served);
    CHECK(record.served <= result.timeline.steps[record.step].end - m.chip.spec().barrier);
  }
  CHECK(result.hops == hops);
  CHECK(result.actions.total(Action::hop_east_west) +
            result.actions.total(Action::hop_north_south) ==
        hops);
  CHECK(result.actions.total(Action::spike_within_tile) == within);
}

TEST_CASE("counts: neurons are updated once per step, active or not") {
  const testing::MappedNetwork m = spikformer_on("mesh45.yaml");
  const SimulationResult result = run(m);
  std::map<std::uint32_t, std::uint64_t> updates;
  for (const auto& [key, count] : result.actions.entries()) {
    if (key.action == Action::neuron_update_active) updates[key.layer.index] += count;
    if (key.action == Action::neuron_update_inactive) updates[key.layer.index] += count;
  }
  for (const Population& population : m.populations) {
    if (!population.lif) continue;
    CHECK(updates[population.lif->index] == 2 * m.network.output_shape(population.lead).neurons());
  }
}

TEST_CASE("counts: another placement changes hops and times only") {
  testing::MappedNetwork m = spikformer_on("loihi1.yaml");
  const SimulationResult near = run(m);
  // Mirror the chip: slice on core i -> core 127 - i; all cores are alike.
  for (LayerSlice& slice : m.mapping.slices) slice.core = CoreId{127 - slice.core.index};
  const SimulationResult far = run(m);
  CHECK(far.packets == near.packets);
  CHECK(far.hops != near.hops);
  CHECK(far.timeline.latency() != near.timeline.latency());
  CHECK(without_network(far.actions) == without_network(near.actions));
}

/// 32 tiles or more, joined in one way or another; bounded buffers where a depth is given.
std::vector<TopologySpec> other_networks(const TopologySpec& mesh) {
  const Picoseconds ns{1'000};
  const LinkSpec link{64, ns, 2 * ns};
  const LinkSpec narrow{16, ns, 5 * ns};
  const auto grid = [&](std::uint32_t width, std::uint32_t height, bool wraps) {
    return NetworkSpec{GridShape{width, height, wraps, link, narrow}, Routing::dimension_order};
  };
  std::vector<NetworkSpec> networks{grid(8, 4, true),
                                    {RingShape{32, narrow}, Routing::dimension_order},
                                    {TreeShape{2, {narrow, link, link, link, link}}},
                                    {CrossbarShape{32, link}}};
  std::vector<TopologySpec> specs;
  for (const NetworkSpec& network : networks) {
    specs.push_back(mesh);
    specs.back().network = network;
  }
  specs.push_back(mesh);
  specs.back().network = MultiChipSpec{grid(4, 2, false), {CrossbarShape{4, narrow}}, 0};
  for (std::size_t i = 0; i < networks.size() + 1; ++i) {
    specs.push_back(specs[i]);
    specs.back().buffer_flits = 2;
  }
  return specs;
}

TEST_CASE("counts: another network changes hops and times only") {
  testing::MappedNetwork m = spikformer_on("loihi1.yaml");
  const SimulationResult mesh = run(m);
  for (const TopologySpec& topology : other_networks(m.chip.spec().topology)) {
    CAPTURE(to_string(topology));
    CAPTURE(topology.buffer_flits.has_value());
    ChipSpec spec = m.chip.spec();
    spec.topology = topology;
    m.chip = Chip(spec);
    const SimulationResult other = run(m);
    CHECK(other.packets == mesh.packets);
    CHECK(without_network(other.actions) == without_network(mesh.actions));
    std::uint64_t carried = 0;
    for (const LinkLoad& link : other.links) {
      carried += link.flits;
      if (topology.buffer_flits) CHECK(link.max_queue <= 2);
    }
    CHECK(carried == other.hops);
    CHECK(other == run(m));
  }
}

TEST_CASE("counts: slices of different sizes have words of their own") {
  testing::MappedNetwork s = testing::micro_scenario();
  ChipSpec spec = s.chip.spec();
  spec.core_kinds[0].max_neurons = 3;
  for (const std::size_t memory : {1U, 2U})
    spec.core_kinds[0].memories[memory]->capacity = Bits{96};
  s.chip = Chip(spec);
  s.mapping.slices[0].channel_end = 1;
  s.mapping.slices[1].channel_begin = 1;
  const SimulationResult result =
      simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping);
  // Each gets 3 packets: a row of 5 bits is 1 word of 8, of 15 bits 2; sums of 10 bits 1 word of
  // 16, of 30 bits 2. Per time step membranes of 12 bits take 1 word of 16, and of 36 bits 3.
  const LayerId a{1}, a_lif{2};
  CHECK(result.actions.at({"neuron.synapse_memory", Action::read_word, 8, a}) == 3 * 1 + 3 * 2);
  CHECK(result.actions.at({"neuron.accumulator_memory", Action::write_word, 16, a}) == 3 + 3 * 2);
  CHECK(result.actions.at({"neuron.membrane_memory", Action::read_word, 16, a_lif}) == 3 * (1 + 3));
  CHECK(result.actions.at({"neuron.synapse_unit", Action::accumulate, 10, a}) == 3 * 1 + 3 * 3);
}

TEST_CASE("counts: multicast sends a spike once and delivers it as often") {
  testing::MappedNetwork m = spikformer_on("loihi1.yaml");
  const SimulationResult unicast = run(m);
  ChipSpec spec = m.chip.spec();
  spec.topology.multicast = true;
  m.chip = Chip(spec);
  const SimulationResult multicast = run(m, {.record_packets = true});
  CHECK(multicast.packets < unicast.packets);
  CHECK(multicast.packets == multicast.actions.total(Action::packet_inject));
  CHECK(multicast.records.size() == unicast.packets);
  CHECK(multicast.actions.total(Action::packet_deliver) == unicast.packets);
  CHECK(multicast.hops < unicast.hops);
  const auto unsent = [](const ActionCounts& counts) {
    const ActionCounts work = without_network(counts);
    ActionCounts kept;
    for (const auto& [key, count] : work.entries()) {
      if (key.action != Action::packet_inject) kept.add(key, count);
    }
    return kept;
  };
  CHECK(unsent(multicast.actions) == unsent(unicast.actions));
  // One packet per spike that has a receiver, wherever the slices are.
  for (LayerSlice& slice : m.mapping.slices) slice.core = CoreId{127 - slice.core.index};
  CHECK(run(m).packets == multicast.packets);
}

/// Without bounded buffers, cores of a tile that always get the same packets are served from one
/// list; with them, each core has its own.
void check_lists(testing::MappedNetwork m) {
  ChipSpec spec = m.chip.spec();
  spec.topology.multicast = true;
  m.chip = Chip(spec);
  const SimulationResult shared = run(m, {.record_packets = true});
  spec.topology.buffer_flits = 1U << 20U;
  m.chip = Chip(spec);
  const SimulationResult apart = run(m, {.record_packets = true});
  CHECK(shared.records.size() > shared.packets);
  CHECK(shared.records == apart.records);
  CHECK(shared.timeline == apart.timeline);
  CHECK(shared.busy == apart.busy);
  CHECK(shared.stalled == apart.stalled);
}

TEST_CASE(
    "counts: buffers that never fill change nothing, wherever cores of a tile get one packet") {
  for (const char* name : {"loihi1.yaml", "spinnaker2.yaml"}) check_lists(spikformer_on(name));
  // Row 0 of the input reaches rows 0 and 1 of a, row 1 rows 1 and 2: the first packet goes to core
  // 0 alone, the last one to cores 0 and 1 of its tile.
  testing::MappedNetwork m = spikformer_on("spinnaker2.yaml");
  m.network = Network::build({{"input", Input{{1, 2, 1}, 1}, {}},
                              {"a", Conv2d{1, 1, 2, 1, 1}, {{"input"}}},
                              {"a.lif", Lif{}, {{"a"}}}});
  m.populations = populations(m.network);
  m.widths = testing::small_widths(m.network);
  m.mapping = {{{1, 0, 1, 0, 2, CoreId{0}}, {1, 0, 1, 2, 3, CoreId{1}}}};
  m.trace = testing::random_trace(m.network, 4, 100, 1);
  check_lists(m);
  CHECK(run(m).actions.total(Action::packet_deliver) == 4 * 3);
}

TEST_CASE("counts: the order of slices in a mapping changes neither counts nor hops") {
  testing::MappedNetwork m = spikformer_on("loihi1.yaml");
  const SimulationResult forward = run(m);
  std::reverse(m.mapping.slices.begin(), m.mapping.slices.end());
  const SimulationResult backward = run(m);
  CHECK(without_network(backward.actions) == without_network(forward.actions));
  CHECK(backward.hops == forward.hops);
}

TEST_CASE("counts: a pooled position sent by two slices does synaptic work once") {
  // 1 channel of 4 x 1 neurons in two slices of 2 rows; 3x3 stride-2 pooling has windows of rows
  // {0, 1} and {1, 2, 3}. Neurons 1 and 3 fire: slice 0 reaches windows 0 and 1, slice 1 window 1.
  Network network = Network::build({{"input", Input{{1, 4, 1}, 1}, {}},
                                    {"a", Conv2d{1, 1, 1, 1, 0}, {{"input"}}},
                                    {"a.lif", Lif{}, {{"a"}}},
                                    {"a.pool", MaxPool2d{3, 2, 1}, {{"a.lif"}}},
                                    {"b", Conv2d{1, 1, 1, 1, 0}, {{"a.pool"}}},
                                    {"b.lif", Lif{}, {{"b"}}}});
  testing::MappedNetwork micro = testing::micro_scenario();
  testing::MappedNetwork m{
      network,
      populations(network),
      std::vector<LayerWidths>(network.size(), micro.widths[0]),
      micro.chip,
      {{{1, 0, 1, 0, 2, CoreId{0}}, {1, 0, 1, 2, 4, CoreId{1}}, {2, 0, 1, 0, 2, CoreId{2}}}},
      SpikeTrace(6)};
  m.trace[0] = SpikeTensor(1, {1, 4, 1});
  m.trace[2] = testing::spikes_at(1, {1, 4, 1}, {{0, 1}, {0, 3}});
  m.trace[3] = testing::spikes_at(1, {1, 2, 1}, {{0, 0}, {0, 1}});
  m.trace[5] = SpikeTensor(1, {1, 2, 1});
  const SimulationResult result = run(m, {.record_packets = true});
  const LayerId pool{3}, b{4};
  CHECK(result.packets == 3);
  CHECK(result.merged == 1);
  // Neuron 1 falls into both windows, neuron 3 into the second.
  CHECK(result.actions.at({"neuron.neuron_unit", Action::or_bit, 1, pool}) == 3);
  CHECK(result.actions.at({"neuron.axon_in", Action::packet_deliver, 64, pool}) == 3);
  CHECK(result.actions.at({"neuron.spike_buffer", Action::write_word, 64, b}) == 3);
  CHECK(result.actions.at({"neuron.synapse_unit", Action::synaptic_operation, 5, b}) == 2);
  // The merged packet is served in axon_in alone.
  CHECK(std::count_if(result.records.begin(), result.records.end(), [](const PacketRecord& r) {
          return r.served - r.arrived == Picoseconds{3'000};
        }) == 1);
}

TEST_CASE("counts: graded inputs multiply, power-of-two weights shift instead") {
  // One input value of 3 at the corner of 3 x 3, convolution 3x3: reaches 2 x 2 positions of 4
  // channels on one core: 16 operations; 4 weights of 5 bits are 3 words of 8 bits per position, 4
  // sums of 10 bits 3 words of 16.
  Network network = Network::build({{"input", Input{{1, 3, 3}, 3}, {}},
                                    {"a", Conv2d{1, 4, 3, 1, 1}, {{"input"}}},
                                    {"a.lif", Lif{}, {{"a"}}}});
  testing::MappedNetwork micro = testing::micro_scenario();
  ChipSpec spec = micro.chip.spec();
  spec.core_kinds[0].max_neurons = 36;
  spec.core_kinds[0].weight_formats.power_of_two_bits = 5;
  for (const int memory : {1, 2}) {
    spec.core_kinds[0].memories[static_cast<std::size_t>(memory)]->capacity = Bits{4096};
  }
  testing::MappedNetwork m{
      network,    populations(network),           std::vector<LayerWidths>(3, micro.widths[0]),
      Chip(spec), {{{1, 0, 4, 0, 3, CoreId{0}}}}, SpikeTrace(3)};
  GradedTensor frame(1, {1, 3, 3});
  frame.step(0)[0] = 3;
  m.trace[0] = frame;
  m.trace[2] = SpikeTensor(1, {4, 3, 3});
  m.widths[0].output_bits = 2;  // of the value
  const LayerId a{1};
  const SimulationResult uniform = run(m);
  CHECK(uniform.actions.at({"neuron.synapse_unit", Action::synaptic_operation, 5, a}) == 16);
  CHECK(uniform.actions.at({"neuron.synapse_unit", Action::accumulate, 10, a}) == 16);
  CHECK(uniform.actions.at({"neuron.synapse_unit", Action::multiply, 5, a, 2}) == 16);
  CHECK(uniform.actions.at({"neuron.synapse_memory", Action::read_word, 8, a}) == 12);
  CHECK(uniform.actions.at({"neuron.accumulator_memory", Action::read_word, 16, a}) == 12);
  CHECK(uniform.actions.at({"neuron.accumulator_memory", Action::write_word, 16, a}) == 12);
  // Active: the 4 channels of the 4 positions reached; 20 others are not.
  CHECK(uniform.actions.total(Action::neuron_update_active) == 16);
  CHECK(uniform.actions.total(Action::neuron_update_inactive) == 20);
  m.widths[1].weights = {Scheme::power_of_two, 4, Granularity::per_channel};
  m.widths[1].weight_integer_bits = 8;
  const SimulationResult power = run(m);
  CHECK(power.actions.at({"neuron.synapse_unit", Action::synaptic_operation, 4, a}) == 16);
  CHECK(power.actions.at({"neuron.synapse_unit", Action::shift, 10, a}) == 16);
  CHECK(power.actions.total(Action::multiply) == 0);
  CHECK(power.actions.at({"neuron.synapse_memory", Action::read_word, 8, a}) == 8);  // 16 bits
}

TEST_CASE("counts: trains that are missing or do not fit are refused by layer") {
  testing::MappedNetwork s = testing::micro_scenario();
  const auto message = [&](const SpikeTrace& trace) -> std::string {
    try {
      simulate(s.network, s.populations, s.widths, trace, s.chip, s.mapping);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::shape);
      return error.what();
    }
    return "nothing thrown";
  };
  SpikeTrace missing = s.trace;
  missing[2].reset();
  CHECK(message(missing) == "a.lif: its spike train is missing");
  SpikeTrace wrong = s.trace;
  wrong[4] = SpikeTensor(3, {3, 1, 1});
  CHECK(message(wrong) == "b.lif: expected a spike train of shape [4, 1, 1], got [3, 1, 1]");
  SpikeTrace uneven = s.trace;
  uneven[4] = SpikeTensor(2, {4, 1, 1});
  CHECK(message(uneven) == "b.lif: expected 3 time steps, got 2");
  CHECK(message(SpikeTrace(2)) == "expected spike trains of 5 layers, got 2");
  SpikeTrace graded = s.trace;
  graded[2] = GradedTensor(3, {4, 1, 1});
  CHECK(message(graded) == "a.lif: expected binary spikes, got graded ones");
}

TEST_CASE("counts: where the two ways of an axis differ, hops are counted by direction") {
  const LayerId input{0}, a_lif{2};
  const auto hops = [&](const SimulationResult& result, Action action, LayerId layer) {
    return result.actions.at({"network.router", action, 64, layer});
  };
  testing::MappedNetwork s = testing::micro_scenario();
  ChipSpec spec = s.chip.spec();
  testing::grid_of(spec).west_latency = Picoseconds{10'000};
  s.chip = Chip(spec);
  // On the way 0-2, 0-2-3, 1-3-2 or 1-3: 8 hops of a are to the east (0-2, 1-3), of the 4 others 3
  // are to the north (2-3) and 1 to the south (3-2); the input's go from 0 to 1.
  SimulationResult result = run(s);
  CHECK(hops(result, Action::hop_east, a_lif) == 8);
  CHECK(result.actions.total(Action::hop_west) == 0);
  CHECK(hops(result, Action::hop_north_south, a_lif) == 4);
  CHECK(result.actions.total(Action::hop_east_west) == 0);
  testing::grid_of(spec).south_latency = Picoseconds{20'000};
  s.chip = Chip(spec);
  result = run(s);
  CHECK(hops(result, Action::hop_east, a_lif) == 8);
  CHECK(hops(result, Action::hop_north, a_lif) == 3);
  CHECK(hops(result, Action::hop_south, a_lif) == 1);
  CHECK(hops(result, Action::hop_north, input) == 3);
  CHECK(result.actions.total(Action::hop_north_south) == 0);
  CHECK(result.hops == 15);
  CHECK(result.timeline.latency() == run(testing::micro_scenario()).timeline.latency());
  // With the two layers on each other's cores, what went east goes west.
  std::swap(s.mapping.slices[0].core, s.mapping.slices[2].core);
  std::swap(s.mapping.slices[1].core, s.mapping.slices[3].core);
  result = run(s);
  CHECK(hops(result, Action::hop_west, a_lif) == 8);
  CHECK(hops(result, Action::hop_east, a_lif) == 0);
}

}  // namespace
}  // namespace nj

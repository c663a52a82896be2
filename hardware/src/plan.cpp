#include "plan.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "neurojoule/core/error.hpp"

#include "footprint.hpp"
#include "plan_routes.hpp"

namespace nj {
namespace {

PortReach spread(const SlicePlan& slice, const FeatureShape& from, const Conv2d& conv) {
  PortReach reach;
  for (std::uint32_t y = 0; y < from.height; ++y) {
    reach.rows.push_back(reached(y, conv.kernel.y, conv.stride.y, conv.padding.y, slice.rows()));
  }
  for (std::uint32_t x = 0; x < from.width; ++x) {
    reach.columns.push_back(
        reached(x, conv.kernel.x, conv.stride.x, conv.padding.x, slice.columns()));
  }
  reach.channels = {0, from.channels};
  return reach;
}

/// One neuron, or one operand bit, per spike: an add, and the query of attention.
PortReach same_place(const SlicePlan& slice, const FeatureShape& from) {
  PortReach reach;
  for (std::uint32_t y = 0; y < from.height; ++y) {
    reach.rows.push_back(slice.rows().contains(y) ? Range{y, y + 1} : Range{});
  }
  for (std::uint32_t x = 0; x < from.width; ++x) {
    reach.columns.push_back(slice.columns().contains(x) ? Range{x, x + 1} : Range{});
  }
  reach.channels = {slice.place.channel_begin, slice.place.channel_end};
  return reach;
}

/// All positions count as one: a head, and the keys and values of attention.
PortReach everywhere(Range channels, const FeatureShape& from) {
  PortReach reach;
  reach.rows.assign(from.height, {0, 1});
  reach.columns.assign(from.width, {0, 1});
  reach.channels = channels;
  return reach;
}

PortReach reach_of(const SlicePlan& slice, const FeatureShape& from, const PopulationEdge& edge) {
  PortReach reach;
  if (const auto* conv = std::get_if<Conv2d>(slice.op)) {
    reach = spread(slice, from, *conv);
  } else if (std::holds_alternative<ClassifierHead>(*slice.op)) {
    reach = everywhere({0, from.channels}, from);
  } else if (edge.port == Port::key || edge.port == Port::value) {
    reach = everywhere({slice.place.channel_begin, slice.place.channel_end}, from);
  } else {
    reach = same_place(slice, from);
  }
  reach.graded = edge.graded;
  return reach;
}

SlicePlan slice_plan(const Plan& plan, const LayerSlice& place) {
  SlicePlan slice;
  slice.place = place;
  const Population& population = plan.populations[place.population];
  slice.op = &plan.network.layer(population.lead).op;
  slice.kind = &plan.chip.kind_of(place.core);
  slice.shape = neuron_shape(plan.network, population);
  slice.slots = plan.graph.slots[place.population];
  slice.position =
      position_work(*slice.op, plan.width(population.lead), slice.channels(), *slice.kind);
  if (const auto* attention = std::get_if<SpikingSelfAttention>(slice.op)) {
    const std::uint32_t head_channels = slice.shape.channels / attention->heads;
    slice.spike_row_words = words(*slice.kind, MemoryUnit::spike_buffer, head_channels);
    if (slice.kind->attention == ProductOrder::values_first) {
      slice.score_bits = score_bits(slice.shape.positions());
      slice.score_row_words = words(*slice.kind, MemoryUnit::score_memory,
                                    std::uint64_t{head_channels} * slice.score_bits);
    }
  }
  return slice;
}

/// The inputs, from first to last, that reach something.
Range seen_of(std::span<const Range> reaches) {
  Range seen;
  for (std::uint32_t i = 0; i < reaches.size(); ++i) {
    if (reaches[i].empty()) continue;
    if (seen.empty()) seen.begin = i;
    seen.end = i + 1;
  }
  return seen;
}

FramePlan frame_plan(const Plan& plan, const SlicePlan& slice, const PopulationEdge& edge) {
  FramePlan frame;
  frame.input = plan.populations[edge.producer].output();
  const FeatureShape& shape = plan.network.output_shape(frame.input);
  frame.reach = reach_of(slice, shape, edge);
  frame.bits = plan.width(frame.input).output_bits;
  frame.columns = {0, shape.width};
  if (slice.place.cuts_columns()) frame.columns = seen_of(frame.reach.columns);
  frame.row_values = std::uint64_t{frame.columns.size()} * shape.channels;
  frame.row_words = words(*slice.kind, MemoryUnit::frame_buffer, frame.row_values * frame.bits);
  const std::uint64_t row_rounds = rounds(*slice.kind, MemoryUnit::frame_buffer, frame.row_words);
  std::uint64_t columns = 0;  // positions that one value of each column reaches in a row
  for (const Range& range : frame.reach.columns) columns += range.size();
  for (const Range& range : frame.reach.rows) {
    if (range.empty()) continue;
    frame.words += frame.row_words;
    frame.off_chip_bits += frame.row_values * frame.bits;
    frame.dense_words += range.size() * frame.row_words;
    frame.dense_rounds += range.size() * row_rounds;
    frame.dense_positions += range.size() * columns * shape.channels;
  }
  const std::uint64_t off_chip_word = plan.chip.spec().off_chip.word_bits;
  frame.off_chip_words = (frame.off_chip_bits + off_chip_word - 1) / off_chip_word;
  frame.weight_words = weights_per_channel(*slice.op) * slice.position.synapse_words;
  return frame;
}

void add_receivers(Plan& plan, std::uint32_t producer, const FeatureShape& sent) {
  const auto pooled_slices =
      std::count_if(plan.slices.begin(), plan.slices.end(), [&](const SlicePlan& slice) {
        return plan.populations[producer].pool && slice.place.population == producer;
      });
  for (std::uint32_t s = 0; s < plan.slices.size(); ++s) {
    const SlicePlan& slice = plan.slices[s];
    Receiver receiver{
        producer, s, slice.place.core, plan.chip.core(slice.place.core).tile, pooled_slices > 1,
        false,    {}};
    for (const PopulationEdge& edge : plan.graph.edges) {
      if (edge.producer != producer || edge.consumer != slice.place.population) continue;
      receiver.ports.push_back(reach_of(slice, sent, edge));
      receiver.graded = edge.graded;
    }
    if (!receiver.ports.empty()) plan.receivers.push_back(std::move(receiver));
  }
}

/// Cuts the channels where a port of some receiver begins or ends.
void cut_channels(Fan& fan, std::span<const Receiver> receivers) {
  std::vector<bool> begins(fan.shape.channels + std::size_t{1}, false);
  for (const Receiver& receiver : receivers) {
    for (const PortReach& port : receiver.ports) {
      begins[port.channels.begin] = true;
      begins[port.channels.end] = true;
    }
  }
  std::uint32_t range = 0;
  for (std::uint32_t c = 0; c < fan.shape.channels; ++c) {
    if (c > 0 && begins[c]) ++range;
    fan.range.push_back(range);
  }
  fan.ranges = range + 1;
}

/// Numbers the sets of receivers that cells have.
void group_cells(Fan& fan) {
  std::map<std::vector<std::uint32_t>, std::uint32_t> sets;
  for (std::uint32_t cell = 0; cell + 1 < fan.first.size(); ++cell) {
    std::vector<std::uint32_t> receivers;
    for (const Way& way : fan.at(cell)) receivers.push_back(way.receiver);
    const auto number = static_cast<std::uint32_t>(sets.size());
    fan.groups.push_back(sets.emplace(std::move(receivers), number).first->second);
  }
  fan.group_count = static_cast<std::uint32_t>(sets.size());
}

Fan fan_of(const Plan& plan, std::uint32_t first_receiver, const FeatureShape& sent) {
  const auto receivers = std::span(plan.receivers).subspan(first_receiver);
  Fan fan;
  fan.shape = sent;
  fan.receivers = {first_receiver, static_cast<std::uint32_t>(plan.receivers.size())};
  cut_channels(fan, receivers);
  std::vector<std::uint32_t> channel_of(fan.ranges);  // one of each range
  for (std::uint32_t c = 0; c < sent.channels; ++c) channel_of[fan.range[c]] = c;
  fan.first.push_back(0);
  for (std::uint64_t cell = 0; cell < sent.positions() * fan.ranges; ++cell) {
    const auto y = static_cast<std::uint32_t>(cell / fan.ranges / sent.width);
    const auto x = static_cast<std::uint32_t>(cell / fan.ranges % sent.width);
    for (std::uint32_t r = 0; r < receivers.size(); ++r) {
      Way way{first_receiver + r, 0, 0};
      for (const PortReach& port : receivers[r].ports) {
        if (!port.accepts(y, x, channel_of[cell % fan.ranges])) continue;
        ++way.operands;
        way.positions += port.positions(y, x);
      }
      if (way.operands == 0) continue;
      if (plan.slices[receivers[r].slice].attention()) way.positions = 0;
      fan.ways.push_back(way);
    }
    fan.first.push_back(static_cast<std::uint32_t>(fan.ways.size()));
  }
  if (plan.chip.spec().topology.multicast) group_cells(fan);
  return fan;
}

/// Windows that neurons [begin, end) along one side fall into.
Range windows_of(Range neurons, std::uint32_t kernel, std::uint32_t stride, std::uint32_t padding,
                 std::uint32_t all) {
  Range windows{all, 0};
  for (std::uint32_t i = neurons.begin; i < neurons.end; ++i) {
    const Range of = reached(i, kernel, stride, padding, {0, all});
    if (of.empty()) continue;
    windows = {std::min(windows.begin, of.begin), std::max(windows.end, of.end)};
  }
  return windows;
}

}  // namespace

Range reached(std::uint32_t i, std::uint32_t kernel, std::uint32_t stride, std::uint32_t padding,
              Range within) {
  const std::uint64_t padded = std::uint64_t{i} + padding;
  const std::uint64_t first = padded < kernel ? 0 : (padded - kernel) / stride + 1;
  const std::uint64_t last = padded / stride;
  const auto begin = std::max<std::uint64_t>(first, within.begin);
  const auto end = std::min<std::uint64_t>(last + 1, within.end);
  if (begin >= end) return {};
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

std::uint64_t words(const CoreKindSpec& kind, MemoryUnit unit, std::uint64_t bits) {
  const std::uint64_t word = kind.memory(unit)->word_bits;
  return bits / word + (bits % word != 0 ? 1 : 0);
}

std::uint64_t rounds(const CoreKindSpec& kind, MemoryUnit unit, std::uint64_t words) {
  return words == 0 ? 0 : kind.memory(unit)->rounds(words);
}

PositionWork position_work(const Operator& lead, const LayerWidths& widths, std::uint32_t channels,
                           const CoreKindSpec& kind) {
  PositionWork work;
  if (has_weights(lead)) {
    work.fan = channels;
    work.synapse_words =
        words(kind, MemoryUnit::synapse_memory, std::uint64_t{channels} * widths.weights.bits);
  }
  work.accumulator_words = words(kind, MemoryUnit::accumulator_memory,
                                 std::uint64_t{work.fan} * widths.accumulator_bits);
  const auto times = [](Picoseconds time, std::uint64_t count) {
    return time * static_cast<std::int64_t>(count);
  };
  work.time =
      times(kind.times.synapse_word, rounds(kind, MemoryUnit::synapse_memory, work.synapse_words)) +
      times(kind.times.accumulator_word,
            rounds(kind, MemoryUnit::accumulator_memory, 2 * work.accumulator_words)) +
      times(kind.times.synaptic_operation, work.fan);
  return work;
}

Sent sent_by(const Plan& plan, const SlicePlan& slice) {
  const Population& population = plan.populations[slice.place.population];
  const Range channels{slice.place.channel_begin, slice.place.channel_end};
  if (!population.pool) return {slice.rows(), slice.columns(), channels};
  const auto& pool = std::get<MaxPool2d>(plan.network.layer(*population.pool).op);
  const FeatureShape& shape = plan.fans[slice.place.population].shape;
  return {windows_of(slice.rows(), pool.kernel.y, pool.stride.y, pool.padding.y, shape.height),
          windows_of(slice.columns(), pool.kernel.x, pool.stride.x, pool.padding.x, shape.width),
          channels};
}

Plan make_plan(const Network& network, std::span<const Population> populations,
               std::span<const LayerWidths> widths, const Chip& chip, const Mapping& mapping) {
  const auto violations = check_mapping(network, populations, widths, chip, mapping);
  if (!violations.empty()) {
    Location where;
    where.key = violations.front().layer;
    throw Error(ErrorKind::capacity, violations.front().message, where);
  }
  Plan plan{network,
            populations,
            widths,
            chip,
            population_graph(network, populations, chip.reads_frames()),
            {},
            {},
            {},
            {},
            PacketRoutes(chip.topology()),
            {},
            {}};
  for (const LayerSlice& slice : mapping.slices) plan.slices.push_back(slice_plan(plan, slice));
  plan.cores = used_cores(mapping);
  for (const UsedCore& used : plan.cores) {
    const auto layer_of = [&](std::uint32_t s) { return plan.slices[s].place.population; };
    const std::uint32_t first = layer_of(used.slices.front());
    const bool several = std::ranges::any_of(
        used.slices, [&](std::uint32_t population) { return population != first; }, layer_of);
    for (const std::uint32_t s : used.slices) plan.slices[s].beside_layers = several;
  }
  for (SlicePlan& slice : plan.slices) {
    for (const PopulationEdge& edge : plan.graph.frames) {
      if (edge.consumer == slice.place.population) slice.frame = frame_plan(plan, slice, edge);
    }
  }
  for (std::uint32_t p = 0; p < populations.size(); ++p) {
    const auto first_receiver = static_cast<std::uint32_t>(plan.receivers.size());
    const FeatureShape& sent = network.output_shape(populations[p].output());
    add_receivers(plan, p, sent);
    plan.fans.push_back(fan_of(plan, first_receiver, sent));
  }
  add_routes(plan);
  return plan;
}

}  // namespace nj

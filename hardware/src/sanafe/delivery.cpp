#include "delivery.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "kernels.hpp"

namespace nj::sanafe {

namespace {

void advance(const TapsParameters& line, std::vector<double>& potential,
             std::vector<double>& next) {
  const std::size_t taps = potential.size();
  for (std::size_t i = 0; i < taps; ++i) {
    next[i] = potential[i] * line.time_constants[i];
    if (i > 0) next[i] += (potential[i - 1] - potential[i]) * line.space_constants[i - 1];
    if (i + 1 < taps) next[i] += (potential[i + 1] - potential[i]) * line.space_constants[i];
  }
  potential.swap(next);
}

}  // namespace

Delivery::Delivery(const Architecture& chip, const Network& network, const Layout& layout)
    : network_(network), layout_(layout) {
  group_of_.resize(network.neurons());
  for (std::uint32_t g = 0; g < network.groups.size(); ++g) {
    const Group& group = network.groups[g];
    std::fill_n(group_of_.begin() + group.first, group.size, g);
  }
  make_targets(chip);
  make_walks();
}

/// A delay line per neuron; a tap line per unit, which neurons share when they name the same one.
/// The last of them to have tap parameters sets those of the unit, as in SANA-FE.
void Delivery::make_targets(const Architecture& chip) {
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::uint32_t> shared;
  for (const std::uint32_t neuron : network_.order) {
    const Placement& place = network_.placements[neuron];
    const DendriteModel model = chip.core(place.core).dendrites[place.dendrite].model;
    if (model == DendriteModel::accumulator) continue;
    if (targets_.empty()) targets_.resize(network_.neurons());
    if (model == DendriteModel::accumulator_with_delay) {
      targets_[neuron] = {Target::Kind::delay, static_cast<std::uint32_t>(delay_lines_.size())};
      delay_lines_.emplace_back();
      continue;
    }
    const auto [entry, added] =
        shared.try_emplace({place.core, place.dendrite, place.dendrite_instance},
                           static_cast<std::uint32_t>(tap_lines_.size()));
    if (added) tap_lines_.push_back({.parameters = {{0.0}, {}}, .potential = {}, .next = {}});
    const std::uint32_t own = network_.parameters[network_.parameters_of[neuron]].dendrite;
    if (own != no_index) tap_lines_[entry->second].parameters = network_.dendrites[own];
    targets_[neuron] = {Target::Kind::taps, entry->second};
  }
  for (TapLine& line : tap_lines_) {
    line.potential.assign(line.parameters.time_constants.size(), 0.0);
    line.next = line.potential;
  }
}

bool Delivery::plain_targets(std::uint32_t group) const {
  if (targets_.empty()) return true;
  const auto first = targets_.begin() + network_.groups[group].first;
  return std::all_of(first, first + network_.groups[group].size,
                     [](const Target& t) { return t.kind == Target::Kind::accumulator; });
}

void Delivery::make_walks() {
  walks_.resize(network_.groups.size());
  for (const Edge& edge : network_.edges) {
    if (const auto* sparse = std::get_if<SparseEdge>(&edge)) {
      make_sparse_walks(*sparse);
    } else if (const auto* dense = std::get_if<DenseEdge>(&edge)) {
      const bool plain = plain_targets(dense->target) && layout_.channels_of[dense->target] <= 1;
      walks_[dense->source].push_back({.edge = &edge, .plain = plain});
    } else {
      const auto& convolution = std::get<ConvolutionEdge>(edge);
      const bool plain = plain_targets(convolution.target) &&
                         layout_.channels_of[convolution.target] == convolution.kernel_count;
      Walk walk{.edge = &edge, .plain = plain};
      if (plain) {
        walk.kernel = static_cast<std::uint32_t>(kernels_.size());
        kernels_.emplace_back(convolution);
      }
      walks_[convolution.source].push_back(std::move(walk));
    }
  }
}

/// Synapses by source, each source's in the order of the file, and a walk for each source group.
void Delivery::make_sparse_walks(const SparseEdge& edge) {
  const auto base = static_cast<std::uint32_t>(sparse_.size());
  sparse_.insert(sparse_.end(), edge.synapses.begin(), edge.synapses.end());
  std::stable_sort(sparse_.begin() + base, sparse_.end(),
                   [](const Synapse& a, const Synapse& b) { return a.source < b.source; });
  for (std::size_t i = base; i < sparse_.size();) {
    const std::uint32_t g = group_of_[sparse_[i].source];
    Walk walk{.first = sparse_[i].source};
    for (; i < sparse_.size() && group_of_[sparse_[i].source] == g; ++i) {
      walk.rows.resize(sparse_[i].source - walk.first + 1);
      SparseRow& row = walk.rows.back();
      if (row.count++ == 0) row.first = static_cast<std::uint32_t>(i);
    }
    walks_[g].push_back(std::move(walk));
  }
}

void Delivery::synapse(std::uint32_t target, double weight, std::uint8_t delay, std::uint32_t tap,
                       std::uint64_t step, double* inputs) {
  double& input = inputs[layout_.place_of[target]];
  const Target to = targets_.empty() ? Target{} : targets_[target];
  if (to.kind == Target::Kind::accumulator) {
    input += weight;
  } else if (to.kind == Target::Kind::delay) {
    DelayLine& line = delay_lines_[to.line];
    const std::uint64_t due = step + 1 + delay;
    const std::size_t slot = due % DelayLine::slots;
    line.charge[slot] = (line.step[slot] == due ? line.charge[slot] : 0.0) + weight;
    line.step[slot] = due;
    const std::size_t now = step % DelayLine::slots;
    if (line.step[now] == step) input = line.charge[now];
  } else {
    TapLine& line = tap_lines_[to.line];
    for (; line.step < step; ++line.step) advance(line.parameters, line.potential, line.next);
    line.potential[tap] += weight;
    input = line.potential[0] + 0.0;  // an event came: not the -0 of none
  }
}

void Delivery::walk_dense(const DenseEdge& edge, std::uint32_t neuron, std::uint64_t step,
                          bool plain, double* inputs) {
  const Group& target = network_.groups[edge.target];
  const std::size_t first = std::size_t{neuron - network_.groups[edge.source].first} * target.size;
  if (plain) {
    add_row(std::span(edge.weight).subspan(first, target.size), inputs + target.first);
    return;
  }
  for (std::uint32_t i = 0; i < target.size; ++i) {
    synapse(target.first + i, edge.weight[first + i],
            edge.delay.empty() ? std::uint8_t{0} : edge.delay[first + i],
            edge.tap.empty() ? 0 : edge.tap[first + i], step, inputs);
  }
}

void Delivery::walk_convolution(const ConvolutionEdge& edge, std::uint32_t neuron,
                                std::uint64_t step, double* inputs) {
  const std::uint32_t local = neuron - network_.groups[edge.source].first;
  const std::uint32_t area = edge.input_width * edge.input_height;
  const std::uint32_t channel = local / area;
  const std::uint32_t y = local % area / edge.input_width;
  const std::uint32_t x = local % edge.input_width;
  const std::uint32_t target = network_.groups[edge.target].first;
  const std::uint32_t width = edge.output_width();
  const std::uint32_t height = edge.output_height();
  for (std::uint32_t oy = 0; oy < height; ++oy) {
    const std::uint32_t ky = y - oy * edge.stride_height;
    if (oy * edge.stride_height > y || ky >= edge.kernel_height) continue;
    for (std::uint32_t ox = 0; ox < width; ++ox) {
      const std::uint32_t kx = x - ox * edge.stride_width;
      if (ox * edge.stride_width > x || kx >= edge.kernel_width) continue;
      const std::size_t row =
          (std::size_t{ky} * edge.kernel_width + kx) * edge.input_channels + channel;
      for (std::uint32_t c = 0; c < edge.kernel_count; ++c) {
        const std::size_t i = row * edge.kernel_count + c;
        synapse(target + (c * height + oy) * width + ox, edge.weight[i],
                edge.delay.empty() ? std::uint8_t{0} : edge.delay[i],
                edge.tap.empty() ? 0 : edge.tap[i], step, inputs);
      }
    }
  }
}

void Delivery::spike(std::uint32_t neuron, std::uint64_t step, double* inputs) {
  for (const Walk& walk : walks_[group_of_[neuron]]) {
    if (walk.edge == nullptr) {
      if (neuron < walk.first || neuron - walk.first >= walk.rows.size()) continue;
      const SparseRow& row = walk.rows[neuron - walk.first];
      for (std::uint32_t i = row.first; i < row.first + row.count; ++i) {
        const Synapse& s = sparse_[i];
        synapse(s.target, s.weight, s.delay, s.tap, step, inputs);
      }
    } else if (const auto* dense = std::get_if<DenseEdge>(walk.edge)) {
      walk_dense(*dense, neuron, step, walk.plain, inputs);
    } else {
      const auto& convolution = std::get<ConvolutionEdge>(*walk.edge);
      if (walk.plain) {
        add_convolution(kernels_[walk.kernel], neuron - network_.groups[convolution.source].first,
                        inputs + network_.groups[convolution.target].first);
      } else {
        walk_convolution(convolution, neuron, step, inputs);
      }
    }
  }
}

}  // namespace nj::sanafe

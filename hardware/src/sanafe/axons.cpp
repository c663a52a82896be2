#include "axons.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace nj::sanafe {

namespace {

/// Synapses by the core and units where they are.
struct Destination {
  std::uint32_t core = 0;
  std::uint16_t synapse = 0;
  std::uint16_t dendrite = 0;
  friend auto operator<=>(const Destination&, const Destination&) = default;
};
using Destinations = std::map<Destination, std::uint32_t>;
using Shares = std::map<std::uint32_t, std::uint32_t>;  ///< action -> count

/// Where the synapses of neurons are.
class FanOut {
 public:
  explicit FanOut(const Network& network)
      : network_(network), sparse_first_(network.neurons() + 1) {
    by_source_.resize(network.groups.size());
    for (const Edge& edge : network.edges) {
      if (const auto* sparse = std::get_if<SparseEdge>(&edge)) {
        for (const Synapse& synapse : sparse->synapses) ++sparse_first_[synapse.source + 1];
      } else {
        const std::uint32_t source = std::holds_alternative<DenseEdge>(edge)
                                         ? std::get<DenseEdge>(edge).source
                                         : std::get<ConvolutionEdge>(edge).source;
        by_source_[source].push_back(&edge);
      }
    }
    for (std::size_t i = 1; i < sparse_first_.size(); ++i) sparse_first_[i] += sparse_first_[i - 1];
    sparse_targets_.resize(sparse_first_.back());
    std::vector<std::size_t> next(sparse_first_.begin(), sparse_first_.end() - 1);
    for (const Edge& edge : network.edges) {
      const auto* sparse = std::get_if<SparseEdge>(&edge);
      if (!sparse) continue;
      for (const Synapse& s : sparse->synapses) sparse_targets_[next[s.source]++] = s.target;
    }
  }

  /// Neurons of a group with the same key have the same destinations, unless they have synapses of
  /// their own: it is the position in each convolution that leaves the group.
  [[nodiscard]] std::uint64_t key(std::uint32_t group, std::uint32_t neuron) const {
    std::uint64_t key = 0;
    for (const Edge* edge : by_source_[group]) {
      const auto* convolution = std::get_if<ConvolutionEdge>(edge);
      if (!convolution) continue;
      key = key * convolution->input_width * convolution->input_height +
            position(*convolution, neuron);
    }
    return key;
  }

  [[nodiscard]] bool has_own_synapses(std::uint32_t neuron) const {
    return sparse_first_[neuron] != sparse_first_[neuron + 1];
  }

  [[nodiscard]] Destinations destinations(std::uint32_t group, std::uint32_t neuron) const {
    Destinations found;
    for (std::size_t i = sparse_first_[neuron]; i < sparse_first_[neuron + 1]; ++i) {
      add(sparse_targets_[i], found);
    }
    for (const Edge* edge : by_source_[group]) {
      if (const auto* dense = std::get_if<DenseEdge>(edge)) {
        const Group& target = network_.groups[dense->target];
        for (std::uint32_t i = 0; i < target.size; ++i) add(target.first + i, found);
      } else {
        const auto& convolution = std::get<ConvolutionEdge>(*edge);
        add_convolution(convolution, position(convolution, neuron), found);
      }
    }
    return found;
  }

 private:
  [[nodiscard]] std::uint32_t position(const ConvolutionEdge& edge, std::uint32_t neuron) const {
    return (neuron - network_.groups[edge.source].first) % (edge.input_width * edge.input_height);
  }

  void add(std::uint32_t neuron, Destinations& to) const {
    const Placement& place = network_.placements[neuron];
    ++to[{place.core, place.synapse, place.dendrite}];
  }

  void add_convolution(const ConvolutionEdge& edge, std::uint32_t at, Destinations& to) const {
    const std::uint32_t y = at / edge.input_width;
    const std::uint32_t x = at % edge.input_width;
    const std::uint32_t width = edge.output_width();
    const std::uint32_t height = edge.output_height();
    for (std::uint32_t ky = 0; ky < edge.kernel_height && ky <= y; ++ky) {
      if ((y - ky) % edge.stride_height != 0 || (y - ky) / edge.stride_height >= height) continue;
      for (std::uint32_t kx = 0; kx < edge.kernel_width && kx <= x; ++kx) {
        if ((x - kx) % edge.stride_width != 0 || (x - kx) / edge.stride_width >= width) continue;
        const std::uint32_t first = network_.groups[edge.target].first +
                                    (y - ky) / edge.stride_height * width +
                                    (x - kx) / edge.stride_width;
        for (std::uint32_t c = 0; c < edge.kernel_count; ++c) add(first + c * width * height, to);
      }
    }
  }

  const Network& network_;
  std::vector<std::vector<const Edge*>> by_source_;  ///< [group]: dense ones and convolutions
  std::vector<std::size_t> sparse_first_;            ///< [neurons + 1]
  std::vector<std::uint32_t> sparse_targets_;
};

/// Hops on the way between two tiles, x first, by heading. A hop is priced by the tile of the
/// destination.
void count_hops(const Architecture& chip, const ActionTable& actions, std::uint32_t from,
                std::uint32_t to, Shares& shares, std::uint64_t& hops) {
  const auto along = [&](std::uint32_t a, std::uint32_t b, Heading up, Heading down) {
    if (a == b) return;
    const std::uint32_t count = a < b ? b - a : a - b;
    shares[actions.hop(chip.tiles[to], a < b ? up : down)] += count;
    hops += count;
  };
  along(chip.x(from), chip.x(to), Heading::east, Heading::west);
  along(chip.y(from), chip.y(to), Heading::north, Heading::south);
}

}  // namespace

/// Adds classes to Axons.
class Axons::Builder {
 public:
  Builder(Axons& axons, const Architecture& chip, const ActionTable& actions)
      : axons_(axons), chip_(chip), actions_(actions) {}

  std::uint32_t add_fan_out(const Destinations& destinations) {
    FanOutClass fan_out{.first_run = static_cast<std::uint32_t>(axons_.runs_.size())};
    Shares shares;
    std::uint32_t last = no_index;
    for (const auto& [place, count] : destinations) {
      const std::uint32_t kind = chip_.kind_of[place.core];
      if (place.core != last) {
        add_message(fan_out, place.core, last);
        last = place.core;
        ++shares[actions_.message_in(kind)];
      }
      const std::uint32_t synapse = actions_.synapse(kind, place.synapse);
      const std::uint32_t dendrite = actions_.dendrite(kind, place.dendrite);
      shares[synapse] += count;
      shares[dendrite] += count;
      axons_.processing_s_.back() +=
          count * (actions_.cost(synapse).latency_s + actions_.cost(dendrite).latency_s);
      fan_out.synaptic_events += count;
    }
    add_shares(shares, fan_out);
    axons_.fan_outs_.push_back(fan_out);
    return static_cast<std::uint32_t>(axons_.fan_outs_.size() - 1);
  }

  std::uint32_t add_class(std::uint32_t core, std::uint32_t fan_out) {
    AxonClass axon{.core = core, .fan_out = fan_out};
    Shares shares;
    std::uint64_t hops = 0;
    for (const MessageRun& run : axons_.runs(axons_.fan_outs_[fan_out])) {
      for (std::uint32_t i = 0; i < run.count; ++i) {
        ++shares[actions_.message_out(chip_.kind_of[core])];
        count_hops(chip_, actions_, chip_.tile_of[core], chip_.tile_of[run.core + i], shares, hops);
      }
    }
    axon.hops = static_cast<std::uint32_t>(hops);
    add_shares(shares, axon);
    axons_.classes_.push_back(axon);
    return static_cast<std::uint32_t>(axons_.classes_.size() - 1);
  }

 private:
  void add_message(FanOutClass& fan_out, std::uint32_t core, std::uint32_t last) {
    if (fan_out.runs == 0 || last + 1 != core) {
      axons_.runs_.push_back(
          {.core = core, .first = static_cast<std::uint32_t>(axons_.processing_s_.size())});
      ++fan_out.runs;
    }
    ++axons_.runs_.back().count;
    ++fan_out.messages;
    const std::uint32_t action = actions_.message_in(chip_.kind_of[core]);
    axons_.processing_s_.push_back(actions_.cost(action).latency_s);
  }

  template <class Class>
  void add_shares(const Shares& shares, Class& to) {
    to.first_share = static_cast<std::uint32_t>(axons_.shares_.size());
    to.shares = static_cast<std::uint32_t>(shares.size());
    for (const auto& [action, count] : shares) axons_.shares_.push_back({action, count});
  }

  Axons& axons_;
  const Architecture& chip_;
  const ActionTable& actions_;
};

Axons::Axons(const Architecture& chip, const Network& network, const ActionTable& actions)
    : class_of_(network.neurons()) {
  const FanOut fan_out(network);
  Builder builder(*this, chip, actions);
  struct Known {
    std::uint32_t fan_out = 0;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> classes;  ///< source core, class
  };
  for (std::uint32_t g = 0; g < network.groups.size(); ++g) {
    const Group& group = network.groups[g];
    std::unordered_map<std::uint64_t, Known> known;
    for (std::uint32_t neuron = group.first; neuron < group.first + group.size; ++neuron) {
      const std::uint32_t core = network.placements[neuron].core;
      if (fan_out.has_own_synapses(neuron)) {
        class_of_[neuron] =
            builder.add_class(core, builder.add_fan_out(fan_out.destinations(g, neuron)));
        continue;
      }
      const auto [entry, added] = known.try_emplace(fan_out.key(g, neuron));
      Known& same = entry->second;
      if (added) same.fan_out = builder.add_fan_out(fan_out.destinations(g, neuron));
      const auto found = std::find_if(same.classes.begin(), same.classes.end(),
                                      [&](const auto& c) { return c.first == core; });
      if (found == same.classes.end()) {
        class_of_[neuron] = builder.add_class(core, same.fan_out);
        same.classes.emplace_back(core, class_of_[neuron]);
      } else {
        class_of_[neuron] = found->second;
      }
    }
  }
}

}  // namespace nj::sanafe

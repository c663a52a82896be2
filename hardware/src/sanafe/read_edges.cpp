#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "read_network.hpp"

namespace nj::sanafe {

namespace {

constexpr std::uint32_t max_kernel_side = 1U << 16;

std::string_view trim(std::string_view word) {
  while (word.starts_with(' ')) word.remove_prefix(1);
  while (word.ends_with(' ')) word.remove_suffix(1);
  return word;
}

/// The attributes that synapses carry, from wherever in the block they stand.
struct SynapseFields {
  std::optional<Cursor> weight;
  std::optional<Cursor> delay;
  std::optional<Cursor> tap;
};

/// One of `name` and its short form. Throws: when both are there.
void take(std::optional<Cursor>& to, const Cursor& field) {
  if (to) throw field.error(fmt::format("'{}' says the same already", to->key()));
  to = field;
}

/// Weight, delay and tap of an edge. Delay and tap act in the dendrite, the weight in the synapse;
/// below `synapse:` or `dendrite:` SANA-FE forwards none but the synapse's weight, and so do we.
SynapseFields synapse_fields(const Fields& fields, std::vector<Cursor>& others) {
  SynapseFields found;
  for (const Cursor& field : fields.all()) {
    const std::string_view key = field.key();
    if (key == "weight" || key == "w") {
      take(found.weight, field);
    } else if (key == "delay" || key == "d") {
      take(found.delay, field);
    } else if (key == "tap") {
      take(found.tap, field);
    } else if (key == "synapse") {
      const Fields inner(field);
      check_keys(inner.all(), {"weight", "w", "delay", "d"});
      for (const Cursor& value : inner.all()) {
        if (value.key() == "weight" || value.key() == "w") take(found.weight, value);
      }
    } else if (key == "dendrite") {
      check_keys(Fields(field).all(), {"delay", "d", "tap"});
    } else {
      others.push_back(field);
    }
  }
  if (!found.weight) throw fields.node().error("lacks the attribute 'weight'");
  return found;
}

std::uint8_t delay_of(const Cursor& value) {
  return static_cast<std::uint8_t>(value.integer(0, max_delay));
}

std::uint32_t tap_of(const Cursor& value) {
  return static_cast<std::uint32_t>(value.integer(0, no_index - 1));
}

/// A list with an entry per connection; weights exactly as many, other lists may go on.
template <class Value, class Read>
std::vector<Value> values(const Cursor& list, std::uint64_t count, bool exact, const Read& read) {
  if (!list.is_sequence()) throw list.error("expected a list with an entry for each connection");
  if (list.size() < count || (exact && list.size() != count)) {
    throw list.error(fmt::format("expected {} entries, got {}", count, list.size()));
  }
  std::vector<Value> result;
  result.reserve(count);
  for (const Cursor value : list) {
    if (result.size() == count) break;
    result.push_back(read(value));
  }
  return result;
}

std::vector<double> weights(const SynapseFields& fields, std::uint64_t count) {
  return values<double>(*fields.weight, count, true, real_of);
}

std::vector<std::uint8_t> delays(const SynapseFields& fields, std::uint64_t count) {
  if (!fields.delay) return {};
  auto list = values<std::uint8_t>(*fields.delay, count, false, delay_of);
  const bool any = std::any_of(list.begin(), list.end(), [](std::uint8_t d) { return d != 0; });
  return any ? list : std::vector<std::uint8_t>();
}

std::vector<std::uint32_t> taps(const SynapseFields& fields, std::uint64_t count) {
  if (!fields.tap) return {};
  auto list = values<std::uint32_t>(*fields.tap, count, false, tap_of);
  const bool any = std::any_of(list.begin(), list.end(), [](std::uint32_t t) { return t != 0; });
  return any ? list : std::vector<std::uint32_t>();
}

class EdgeReader {
 public:
  explicit EdgeReader(NetworkDraft& draft) : draft_(draft) {}

  void read(const Cursor& entry) {
    const std::string_view key = entry.key();
    const std::size_t arrow = key.find("->");
    if (arrow == std::string_view::npos) {
      throw entry.error(fmt::format("expected source -> target, got '{}'", key));
    }
    const auto source = draft_.find(entry, trim(key.substr(0, arrow)));
    const auto target = draft_.find(entry, trim(key.substr(arrow + 2)));
    if (source.whole_group != target.whole_group) {
      throw entry.error("joins a neuron and a group; name two neurons or two groups");
    }
    if (!source.whole_group && (source.count > 1 || target.count > 1)) {
      throw entry.error("ranges of neurons cannot be joined; name two neurons or two groups",
                        ErrorKind::unsupported);
    }
    check_targets(entry, target);
    const Fields fields(entry);
    std::vector<Cursor> others;
    const SynapseFields synapse = synapse_fields(fields, others);
    if (source.whole_group) {
      read_groups_edge(fields, synapse, others, source.group, target.group);
    } else {
      check_keys(others, {"weight", "w", "delay", "d", "tap", "synapse", "dendrite"});
      add({.source = neuron(source),
           .target = neuron(target),
           .weight = real_of(*synapse.weight),
           .delay = synapse.delay ? delay_of(*synapse.delay) : std::uint8_t{0},
           .tap = synapse.tap ? tap_of(*synapse.tap) : 0});
      check_tap(entry, sparse().back());
    }
  }

 private:
  [[nodiscard]] std::uint32_t neuron(const NetworkDraft::Neurons& one) const {
    return draft_.network.groups[one.group].first + one.first;
  }
  [[nodiscard]] std::uint32_t size(std::uint32_t group) const {
    return draft_.network.groups[group].size;
  }

  /// SANA-FE stops when a current reaches an input neuron.
  void check_targets(const Cursor& entry, const NetworkDraft::Neurons& target) const {
    for (std::uint32_t i = 0; i < target.count; ++i) {
      if (draft_.soma_model(neuron(target) + i) == SomaModel::input) {
        throw entry.error(fmt::format("{} is an input neuron and takes no synapses",
                                      draft_.network.neuron_name(neuron(target) + i)));
      }
    }
  }

  /// Only dendrites with taps read a tap; theirs must exist.
  void check_tap(const Cursor& place, const Synapse& synapse) const {
    const Placement& placement = draft_.network.placements[synapse.target];
    const auto& unit = draft_.chip.core(placement.core).dendrites[placement.dendrite];
    if (unit.model != DendriteModel::taps) return;
    const std::uint32_t line =
        draft_.network.parameters[draft_.network.parameters_of[synapse.target]].dendrite;
    const std::size_t count =
        line == no_index ? 1 : draft_.network.dendrites[line].time_constants.size();
    if (synapse.tap >= count) {
      throw place.error(fmt::format("{} has taps 0..{}, got {}",
                                    draft_.network.neuron_name(synapse.target), count - 1,
                                    synapse.tap));
    }
  }

  std::vector<Synapse>& sparse() {
    if (draft_.network.edges.empty() ||
        !std::holds_alternative<SparseEdge>(draft_.network.edges.back())) {
      draft_.network.edges.emplace_back(SparseEdge{});
    }
    return std::get<SparseEdge>(draft_.network.edges.back()).synapses;
  }
  void add(const Synapse& synapse) { sparse().push_back(synapse); }

  void read_groups_edge(const Fields& fields, const SynapseFields& synapse,
                        const std::vector<Cursor>& others, std::uint32_t source,
                        std::uint32_t target) {
    const Cursor type = fields.at("type");
    if (type.text() == "dense") {
      check_keys(others, {"type", "weight", "delay", "tap"});
      read_dense(fields, synapse, source, target);
    } else if (type.text() == "sparse") {
      check_keys(others, {"type", "source_target_pairs", "weight", "delay", "tap"});
      read_sparse(fields, synapse, source, target);
    } else if (type.text() == "conv2d") {
      check_keys(others, {"type", "weight", "delay", "tap", "input_width", "input_height",
                          "input_channels", "kernel_width", "kernel_height", "kernel_count",
                          "stride_width", "stride_height"});
      read_convolution(fields, synapse, source, target);
    } else {
      throw type.error(fmt::format("expected one of dense, sparse, conv2d, got '{}'", type.text()));
    }
  }

  void read_dense(const Fields& fields, const SynapseFields& synapse, std::uint32_t source,
                  std::uint32_t target) {
    const std::uint64_t count = std::uint64_t{size(source)} * size(target);
    DenseEdge edge{.source = source,
                   .target = target,
                   .weight = weights(synapse, count),
                   .delay = delays(synapse, count),
                   .tap = taps(synapse, count)};
    check_taps(fields.node(), target, edge.tap);
    draft_.network.edges.emplace_back(std::move(edge));
  }

  void read_sparse(const Fields& fields, const SynapseFields& synapse, std::uint32_t source,
                   std::uint32_t target) {
    const Cursor pairs = fields.at("source_target_pairs");
    if (!pairs.is_sequence()) throw pairs.error("expected a list of [source, target]");
    const std::vector<double> weight = weights(synapse, pairs.size());
    const std::vector<std::uint8_t> delay = delays(synapse, pairs.size());
    const std::vector<std::uint32_t> tap = taps(synapse, pairs.size());
    std::size_t i = 0;
    for (const Cursor pair : pairs) {
      if (!pair.is_sequence() || pair.size() != 2) throw pair.error("expected [source, target]");
      const Cursor from = *pair.begin();
      const Cursor to = *++pair.begin();
      add({.source = draft_.network.groups[source].first +
                     static_cast<std::uint32_t>(from.integer(0, size(source) - 1)),
           .target = draft_.network.groups[target].first +
                     static_cast<std::uint32_t>(to.integer(0, size(target) - 1)),
           .weight = weight[i],
           .delay = delay.empty() ? std::uint8_t{0} : delay[i],
           .tap = tap.empty() ? 0 : tap[i]});
      check_tap(pair, sparse().back());
      ++i;
    }
  }

  void check_taps(const Cursor& place, std::uint32_t target,
                  const std::vector<std::uint32_t>& tap) const {
    const std::uint32_t most = tap.empty() ? 0 : *std::max_element(tap.begin(), tap.end());
    for (std::uint32_t i = 0; i < size(target); ++i) {
      check_tap(place,
                {.source = 0, .target = draft_.network.groups[target].first + i, .tap = most});
    }
  }

  void read_convolution(const Fields& fields, const SynapseFields& synapse, std::uint32_t source,
                        std::uint32_t target) {
    const auto side = [&](std::string_view key) {
      return static_cast<std::uint32_t>(fields.at(key).integer(1, max_kernel_side));
    };
    ConvolutionEdge edge{.source = source,
                         .target = target,
                         .input_width = side("input_width"),
                         .input_height = side("input_height"),
                         .input_channels = side("input_channels"),
                         .kernel_width = side("kernel_width"),
                         .kernel_height = side("kernel_height"),
                         .kernel_count = side("kernel_count"),
                         .stride_width = fields.find("stride_width") ? side("stride_width") : 1,
                         .stride_height = fields.find("stride_height") ? side("stride_height") : 1,
                         .weight = {},
                         .delay = {},
                         .tap = {}};
    if (edge.kernel_width > edge.input_width || edge.kernel_height > edge.input_height) {
      throw fields.node().error("the kernel is larger than the input, and there is no padding");
    }
    const auto check = [&](std::uint32_t group, std::uint64_t expected, std::string_view what) {
      if (size(group) == expected) return;
      throw fields.node().error(
          fmt::format("the {} of this convolution has {} neurons, '{}' has {}", what, expected,
                      draft_.network.groups[group].name, size(group)));
    };
    check(source, std::uint64_t{edge.input_width} * edge.input_height * edge.input_channels,
          "input");
    check(target, std::uint64_t{edge.output_width()} * edge.output_height() * edge.kernel_count,
          "output");
    const std::uint64_t kernel = std::uint64_t{edge.kernel_width} * edge.kernel_height;
    const std::uint64_t channels = std::uint64_t{edge.input_channels} * edge.kernel_count;
    edge.weight = weights(synapse, kernel * channels);
    edge.delay = delays(synapse, kernel * channels);
    edge.tap = taps(synapse, kernel * channels);
    check_taps(fields.node(), target, edge.tap);
    draft_.network.edges.emplace_back(std::move(edge));
  }

  NetworkDraft& draft_;
};

}  // namespace

void read_edges(const Cursor& edges, NetworkDraft& draft) {
  if (!edges.is_sequence()) throw edges.error("expected a list such as - a -> b: {...}");
  EdgeReader reader(draft);
  for (const Cursor element : edges) {
    if (!element.is_map() || element.size() == 0) {
      throw element.error("expected an edge such as a.0 -> b.1: {weight: 1}");
    }
    for (const Cursor entry : element) reader.read(entry);
  }
}

}  // namespace nj::sanafe

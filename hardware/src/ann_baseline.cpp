#include "neurojoule/hardware/ann_baseline.hpp"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

constexpr std::uint32_t float_bits = 32;
constexpr std::uint32_t widest_weight = 32;
constexpr std::uint32_t widest_sum = 64;
constexpr int most_doublings = 12;

/// The widths in which the artificial network is stored and computed.
std::vector<LayerWidths> ann_widths(const Network& network, std::span<const LayerWidths> spiking,
                                    const AnnFormat& format) {
  std::vector<LayerWidths> widths(spiking.begin(), spiking.end());
  for (std::uint32_t i = 0; i < widths.size(); ++i) {
    LayerWidths& width = widths[i];
    const Operator& op = network.layer(LayerId{i}).op;
    if (std::holds_alternative<Input>(op)) continue;
    width.output_bits = format.activation_bits;
    if (format.floating) {
      width.accumulator_bits = float_bits;
    } else {
      const std::uint32_t before = width.weights.bits;
      const std::uint32_t after = format.weight_bits == 0 ? before : format.weight_bits;
      const std::uint32_t growth =
          format.activation_bits - 1 + (after > before ? after - before : 0);
      width.accumulator_bits = std::min(width.accumulator_bits + growth, widest_sum);
    }
    if (has_weights(op) && format.weight_bits != 0) {
      width.weights = {Scheme::uniform, static_cast<std::uint8_t>(format.weight_bits),
                       width.weights.granularity};
      width.weight_integer_bits = format.weight_bits;
    }
  }
  return widths;
}

/// Cores that take every format, with the given memories.
ChipSpec permissive(ChipSpec spec) {
  for (CoreKindSpec& kind : spec.core_kinds) {
    kind.weight_formats = {widest_weight, widest_weight};
    kind.max_spike_bits.reset();
  }
  if (spec.array) spec.array->weight_formats = {widest_weight, widest_weight};
  return spec;
}

/// Doubles every memory that a violation names; returns whether there was one.
bool enlarge(ChipSpec& spec, std::span<const Violation> violations) {
  bool larger = false;
  for (CoreKindSpec& kind : spec.core_kinds) {
    for (const MemoryUnit unit : memory_units) {
      auto& memory = kind.memories[static_cast<std::size_t>(unit)];
      const bool named = std::any_of(violations.begin(), violations.end(), [&](const auto& one) {
        return one.resource == to_string(unit);
      });
      if (!memory || !named) continue;
      memory->capacity = memory->capacity * 2;
      larger = true;
    }
  }
  return larger;
}

/// The chip with memories that hold the network as it is mapped.
Chip fitting_chip(const Network& network, std::span<const Population> populations,
                  std::span<const LayerWidths> widths, const Chip& chip, const Mapping& mapping) {
  ChipSpec spec = permissive(chip.spec());
  for (int doubled = 0;; ++doubled) {
    Chip larger(spec);
    const auto violations = check_mapping(network, populations, widths, larger, mapping);
    if (violations.empty()) return larger;
    if (doubled == most_doublings || !enlarge(spec, violations)) {
      throw Error(ErrorKind::capacity, violations.front().message,
                  {.key = violations.front().layer});
    }
  }
}

/// Turns the counts of a step of spikes into those of an artificial network.
class AnnCounts {
 public:
  AnnCounts(const Network& network, std::span<const LayerWidths> widths, const ChipSpec& chip,
            const AnnFormat& format)
      : network_(network), widths_(widths), chip_(chip), format_(format) {}

  ActionCounts of(const ActionCounts& spiking) {
    for (const auto& [key, count] : spiking.entries()) add(key, count);
    return std::move(counts_);
  }

 private:
  void add(const ActionKey& key, std::uint64_t count) {
    const std::size_t dot = key.component.rfind('.');
    const std::string unit = key.component.substr(dot + 1);
    if (unit == "membrane_memory" || unit == "membrane_buffer") return;
    if (unit == "synapse_unit" || unit == "attention_unit" || unit == "pe") {
      arithmetic(key, count);
    } else if (unit == "neuron_unit") {
      neurons(key, count);
    } else if (unit == "spike_buffer" && key.action == Action::read_word && !chip_.array) {
      counts_.add(key, count * row_growth(key));
    } else {
      counts_.add(key, count);
    }
  }

  void arithmetic(const ActionKey& key, std::uint64_t count) {
    const Operator& op = network_.layer(key.layer).op;
    if (key.action == Action::multiply) return;  // every addition has its product below
    if (key.action != Action::accumulate) {
      if (key.action == Action::shift && format_.floating) return;
      counts_.add(key, count);
      return;
    }
    emit(key, format_.floating ? Action::float_accumulate : Action::accumulate, key.width_bits,
         count);
    const LayerWidths& width = widths_[key.layer.index];
    if (has_weights(op)) {
      if (width.weights.scheme == Scheme::power_of_two) return;
      product(key, width.weight_integer_bits, count);
    } else if (std::holds_alternative<SpikingSelfAttention>(op)) {
      product(key, format_.activation_bits, count);
    }
  }

  void neurons(const ActionKey& key, std::uint64_t count) {
    const bool membranes = std::holds_alternative<Lif>(network_.layer(key.layer).op);
    switch (key.action) {
      case Action::accumulate:
        emit(key, format_.floating ? Action::float_accumulate : Action::accumulate, sum_bits(key),
             membranes ? count / 3 : count);
        break;
      case Action::shift:
        if (!format_.floating) emit(key, Action::shift, sum_bits(key), count);
        break;
      case Action::or_bit:
        emit(key, Action::compare, format_.activation_bits, count);
        break;
      default:
        emit(key, key.action, sum_bits(key), count);
    }
  }

  /// Of an activation and a number of so many bits. The wider one is the width: prices by one
  /// width are those of square multipliers.
  void product(const ActionKey& key, std::uint32_t bits, std::uint64_t count) {
    if (format_.floating) {
      emit(key, Action::float_multiply, float_bits, count);
      return;
    }
    const auto [narrow, wide] = std::minmax(bits, format_.activation_bits);
    counts_.add({key.component, Action::multiply, wide, key.layer, narrow}, count);
  }

  void emit(const ActionKey& key, Action action, std::uint32_t bits, std::uint64_t count) {
    counts_.add({key.component, action, bits, key.layer}, count);
  }

  /// Width of the sum behind a neuron: its accumulator's.
  [[nodiscard]] std::uint32_t sum_bits(const ActionKey& key) const {
    LayerId lead = key.layer;
    if (std::holds_alternative<Lif>(network_.layer(lead).op)) {
      lead = network_.operands(lead)[0].source;
    }
    return widths_[lead.index].accumulator_bits;
  }

  /// Words of a row of q, k or v for each word that a row of spikes has.
  [[nodiscard]] std::uint64_t row_growth(const ActionKey& key) const {
    const auto* attention = std::get_if<SpikingSelfAttention>(&network_.layer(key.layer).op);
    if (attention == nullptr) return 1;  // packets, of which each fits a word
    const std::uint64_t row = network_.output_shape(key.layer).channels / attention->heads;
    const auto words = [&](std::uint64_t bits) {
      return (bits + key.width_bits - 1) / key.width_bits;
    };
    return words(row * format_.activation_bits) / words(row);
  }

  const Network& network_;
  std::span<const LayerWidths> widths_;
  const ChipSpec& chip_;
  const AnnFormat& format_;
  ActionCounts counts_;
};

}  // namespace

AnnRun run_ann(const Network& network, std::span<const Population> populations,
               std::span<const LayerWidths> widths, const Chip& chip, const Mapping& mapping,
               const AnnFormat& format, const TraceDensity& density) {
  for (const CoreKindSpec& kind : chip.spec().core_kinds) {
    if (kind.attention == ProductOrder::scores_first) continue;
    throw Error(ErrorKind::unsupported, "artificial networks need `attention: scores_first`",
                {.key = "core_kinds." + kind.name + ".attention"});
  }
  const std::vector<LayerWidths> numbers = ann_widths(network, widths, format);
  Mapping tiled = mapping;
  if (chip.spec().array) {
    MappingResult result =
        map_network(network, populations, numbers, Chip(permissive(chip.spec())));
    if (!result.feasible()) {
      throw Error(ErrorKind::capacity, result.violations.front().message,
                  {.key = result.violations.front().layer});
    }
    tiled = std::move(result.mapping);
  }
  const Chip larger = fitting_chip(network, populations, numbers, chip, tiled);
  const SpikeTrace trace = random_trace(network, 1, density, 1);
  const SimulationResult one = Simulator(network, populations, numbers, larger, tiled).run(trace);
  return {AnnCounts(network, numbers, larger.spec(), format).of(one.actions),
          one.timeline.latency(), larger.spec()};
}

}  // namespace nj

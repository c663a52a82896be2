#include "neurojoule/hardware/mapping.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "neurojoule/hardware/population_graph.hpp"

#include "cuts.hpp"
#include "footprint.hpp"
#include "joined_slices.hpp"
#include "place.hpp"
#include "shared_cores.hpp"
#include "streamed/tile_needs.hpp"

namespace nj {
namespace {

/// Slices may be so much smaller than a core, to fill it with others, before the mapper gives up.
constexpr std::uint32_t most_parts = 16;

/// What the slices of a core have each when that many share it equally.
CoreKindSpec part_of(CoreKindSpec kind, std::uint32_t parts) {
  kind.max_neurons /= parts;
  if (kind.max_axons) *kind.max_axons /= parts;
  for (auto& memory : kind.memories) {
    if (memory) memory->capacity = Bits(memory->capacity.value() / parts);
  }
  return kind;
}

/// Cores that slices need for what no cut makes less: neurons, their sums and membranes.
std::uint64_t least_cores(std::span<const Footprint> uses, const CoreKindSpec& kind) {
  std::uint64_t neurons = 0;
  std::uint64_t sums = 0;
  std::uint64_t membranes = 0;
  for (const Footprint& use : uses) {
    neurons = saturating_sum(neurons, use.neurons);
    sums = saturating_sum(sums, use.bits(MemoryUnit::accumulator_memory));
    membranes = saturating_sum(membranes, use.bits(MemoryUnit::membrane_memory));
  }
  const auto cores = [](std::uint64_t needed, std::uint64_t each) {
    return needed / each + (needed % each != 0 ? 1 : 0);
  };
  const auto cores_with = [&](std::uint64_t bits, MemoryUnit unit) {
    const auto& memory = kind.memory(unit);
    return memory ? cores(bits, memory->capacity.value()) : 0;
  };
  return std::max({cores(neurons, kind.max_neurons),
                   cores_with(sums, MemoryUnit::accumulator_memory),
                   cores_with(membranes, MemoryUnit::membrane_memory)});
}

/// By population, core kind and parts: fewest_slices for such a part of a core.
using Cuts = std::map<std::array<std::uint32_t, 3>, std::optional<Cut>>;

class Mapper {
 public:
  /// Slices of a population on cores that are shared take no more than one of `parts` of a core,
  /// where they can be cut so. `cuts` is filled as they are found.
  Mapper(const Network& network, std::span<const Population> populations,
         std::span<const LayerWidths> widths, const Chip& chip,
         std::span<const std::uint32_t> parts, Cuts& cuts)
      : network_(network),
        populations_(populations),
        widths_(widths),
        chip_(chip),
        parts_(parts),
        cuts_(cuts),
        graph_(population_graph(network, populations, chip.reads_frames())) {
    for (std::uint32_t k = 0; k < chip.spec().core_kinds.size(); ++k) {
      free_.push_back(chip.slices_of_kind(k));
      alone_.push_back(chip.cores_of_kind(k));
      filled_.push_back(0);
    }
  }

  MappingResult run() {
    for (std::uint32_t p = 0; p < populations_.size(); ++p) cut(p);
    for (std::uint32_t k = 0; k < free_.size() && result_.feasible(); ++k) share(k);
    if (result_.feasible()) {
      join();
      result_.mapping = place_in_order(chip_, std::move(slices_), kinds_, groups_);
    }
    return std::move(result_);
  }
  /// Cores on which the slices would have found room, if so much is known; else any number.
  [[nodiscard]] std::uint64_t would_do() const { return would_do_; }
  /// Whether smaller slices would not find room either.
  [[nodiscard]] bool hopeless() const { return hopeless_; }

 private:
  [[nodiscard]] const std::string& name(std::uint32_t population) const {
    return network_.layer(populations_[population].lead).name;
  }

  void cut(std::uint32_t p) {
    if (graph_.sends(p)) {
      const auto violation = too_long_packets(network_, populations_[p], widths_, chip_);
      if (violation) result_.violations.push_back(*violation);
    }
    const Operator& op = network_.layer(populations_[p].lead).op;
    if (std::holds_alternative<Input>(op)) {
      check_input(p);
      return;
    }
    const SliceNeeds needs =
        slice_needs(network_, populations_[p], widths_, graph_.slots[p], chip_);
    const std::vector<std::uint32_t> kinds = usable_kinds(p, needs);
    std::optional<Cut> best;
    std::uint32_t best_kind = 0;
    // Less is better.
    const auto rank = [&](const Cut& cut, std::uint32_t kind) {
      const bool shared = cut.slices() > alone_[kind];
      return std::tuple(cut.slices() > free_[kind], chip_.spec().core_kinds[kind].last_resort,
                        shared ? crowded(p, needs, cut, kind) : 0, cut.slices());
    };
    for (const std::uint32_t kind : kinds) {
      const auto cut = small_slices(p, needs, kind);
      if (!cut || (best && rank(*cut, kind) >= rank(*best, best_kind))) continue;
      best = cut;
      best_kind = kind;
    }
    if (!best) {
      report_limits(p, needs, kinds);
    } else if (best->slices() > free_[best_kind]) {
      report_cores(p, best->slices(), best_kind);
    } else {
      put(p, needs, *best, best_kind);
    }
  }

  std::optional<Cut> small_slices(std::uint32_t p, const SliceNeeds& needs, std::uint32_t kind) {
    const CoreKindSpec& spec = chip_.spec().core_kinds[kind];
    if (parts_[p] > 1 && spec.max_slices >= parts_[p]) {
      if (const auto cut = fewest(p, needs, kind, parts_[p])) return cut;
    }
    return fewest(p, needs, kind, 1);
  }
  std::optional<Cut> fewest(std::uint32_t p, const SliceNeeds& needs, std::uint32_t kind,
                            std::uint32_t parts) {
    const auto [found, fresh] = cuts_.try_emplace({p, kind, parts});
    if (fresh) found->second = fewest_slices(needs, part_of(chip_.spec().core_kinds[kind], parts));
    return found->second;
  }

  /// How much of the cores of a kind is taken with these slices, too.
  [[nodiscard]] double crowded(std::uint32_t p, const SliceNeeds& needs, const Cut& cut,
                               std::uint32_t kind) const {
    std::vector<LayerSlice> slices;
    add_slices(p, needs, cut, slices);
    double taken = filled_[kind];
    for (const LayerSlice& slice : slices)
      taken += filled(use_of(slice, needs, kind), chip_.spec().core_kinds[kind]);
    return taken / static_cast<double>(chip_.cores_of_kind(kind));
  }
  [[nodiscard]] Footprint use_of(const LayerSlice& slice, const SliceNeeds& needs,
                                 std::uint32_t kind) const {
    return footprint(needs, size_of(slice, needs.shape), chip_.spec().core_kinds[kind]);
  }

  void check_input(std::uint32_t p) {
    const LayerId lead = populations_[p].lead;
    const std::uint64_t bits =
        network_.output_shape(lead).neurons() * widths_[lead.index].output_bits;
    const std::uint64_t available = chip_.spec().off_chip.capacity.value();
    if (bits <= available) return;
    result_.violations.push_back({name(p), "off_chip", bits, available,
                                  fmt::format("a frame of input \"{}\" has {} bit, off-chip memory "
                                              "has {} bit",
                                              name(p), bits, available)});
  }

  /// Kinds of the right role and weight format; reports what is missing when there are none.
  std::vector<std::uint32_t> usable_kinds(std::uint32_t p, const SliceNeeds& needs) {
    const CoreRole role = role_of(needs, chip_);
    const NumberFormat& format = needs.lead.weights;
    std::vector<std::uint32_t> usable;
    bool role_found = false;
    std::uint32_t widest = 0;
    for (std::uint32_t k = 0; k < chip_.spec().core_kinds.size(); ++k) {
      const CoreKindSpec& kind = chip_.spec().core_kinds[k];
      if (!kind.has(role) || chip_.cores_of_kind(k) == 0) continue;
      role_found = true;
      widest = std::max(widest, kind.weight_formats.max_bits(format.scheme));
      if (!has_weights(*needs.op) || kind.weight_formats.supports(format)) usable.push_back(k);
    }
    if (!role_found) {
      result_.violations.push_back(
          {name(p), "role", 1, 0,
           fmt::format("layer \"{}\" needs a core with role {}, the chip has none", name(p),
                       to_string(role))});
    } else if (usable.empty()) {
      std::string taken = "no zero points and no groups";
      if (widest == 0) {
        taken = "none of that scheme";
      } else if (format.bits > widest) {
        taken = fmt::format("at most {} bits of it", widest);
      }
      result_.violations.push_back(
          {name(p), "weight_format", format.bits, widest,
           fmt::format("layer \"{}\" has {} weights, the chip's cores take {}", name(p),
                       to_string(format), taken)});
    }
    return usable;
  }

  /// Why not even one channel unit at one position fits, on the first usable kind.
  void report_limits(std::uint32_t p, const SliceNeeds& needs,
                     const std::vector<std::uint32_t>& kinds) {
    if (kinds.empty()) return;
    const CoreKindSpec& kind = chip_.spec().core_kinds[kinds[0]];
    auto violations = exceeded(footprint(needs, {needs.channel_unit, 1, 1}, kind), kind, name(p));
    if (violations.empty()) {
      report_cores(p, std::uint64_t{max_cores} + 1, kinds[0]);
    }
    for (Violation& violation : violations) {
      if (violation.resource == to_string(MemoryUnit::synapse_memory)) {
        violation.message +=
            "; that is the kernel of one output channel, which cannot be split, since no core adds "
            "the sums of another";
      } else if (violation.resource == to_string(MemoryUnit::frame_buffer)) {
        violation.message += "; that is what one position of the outputs sees of the frame";
      }
      result_.violations.push_back(std::move(violation));
    }
  }

  void report_cores(std::uint32_t p, std::uint64_t needed, std::uint32_t kind) {
    const CoreKindSpec& spec = chip_.spec().core_kinds[kind];
    const std::uint64_t cores = chip_.cores_of_kind(kind);
    std::string message =
        fmt::format(R"(layer "{}" needs {} cores of kind "{}", {} of {} are free)", name(p), needed,
                    spec.name, free_[kind], cores);
    if (spec.max_slices > 1) {
      message = fmt::format(
          R"(layer "{}" needs room for {} more slice{} on {} cores of kind "{}", which take {} more)",
          name(p), needed, needed == 1 ? "" : "s", cores, spec.name, free_[kind]);
    }
    result_.violations.push_back({name(p), "cores", needed, free_[kind], std::move(message)});
  }

  void put(std::uint32_t p, const SliceNeeds& needs, const Cut& cut, std::uint32_t kind) {
    add_slices(p, needs, cut, slices_);
    for (std::size_t s = kinds_.size(); s < slices_.size(); ++s) {
      uses_.push_back(use_of(slices_[s], needs, kind));
      filled_[kind] += filled(uses_.back(), chip_.spec().core_kinds[kind]);
      groups_.push_back(static_cast<std::uint32_t>(s));
    }
    kinds_.resize(slices_.size(), kind);
    free_[kind] -= cut.slices();
    alone_[kind] -= std::min<std::uint64_t>(alone_[kind], cut.slices());
  }

  /// Of slices that need `least` cores in any case and would do with `enough`.
  void report_room(const std::string& layer, const CoreKindSpec& kind, std::uint64_t cores,
                   std::uint64_t enough, std::uint64_t least) {
    hopeless_ = least > cores;
    would_do_ = enough;
    const std::string wanted = hopeless_ ? fmt::format("all together need {} or more", least)
                                         : fmt::format("{} would do", enough);
    result_.violations.push_back(
        {layer, "cores", hopeless_ ? least : enough, cores,
         fmt::format(R"(layer "{}" finds no room beside others on {} of kind "{}"; {})", layer,
                     cores == 1 ? "the one core" : fmt::format("the {} cores", cores), kind.name,
                     wanted)});
  }

  /// Lets slices share the cores of a kind that are fewer.
  void share(std::uint32_t kind) {
    std::vector<std::uint32_t> slices;
    std::vector<Footprint> uses;
    for (std::uint32_t s = 0; s < slices_.size(); ++s) {
      if (kinds_[s] != kind) continue;
      slices.push_back(s);
      uses.push_back(uses_[s]);
    }
    const std::uint64_t cores = chip_.cores_of_kind(kind);
    if (slices.size() <= cores) return;
    const CoreKindSpec& spec = chip_.spec().core_kinds[kind];
    const SharedCores shared = share_cores(uses, spec, static_cast<std::uint32_t>(cores));
    if (shared.needed > cores) {
      report_room(name(slices_[slices[shared.left_out]].population), spec, cores, shared.needed,
                  least_cores(uses, spec));
      return;
    }
    std::vector<std::uint32_t> first_on(cores, 0);  // slice
    for (std::size_t i = slices.size(); i-- > 0;) first_on[shared.core_of[i]] = slices[i];
    for (std::size_t i = 0; i < slices.size(); ++i) {
      groups_[slices[i]] = first_on[shared.core_of[i]];
    }
  }

  /// Joins the slices of a layer that came on one core.
  void join() {
    std::vector<FeatureShape> shapes;
    for (const Population& population : populations_) {
      shapes.push_back(neuron_shape(network_, population));
    }
    std::vector<std::uint32_t> kind_of(populations_.size(), 0);
    for (std::size_t s = 0; s < slices_.size(); ++s) kind_of[slices_[s].population] = kinds_[s];
    join_slices(slices_, groups_, shapes);
    kinds_.clear();
    for (const LayerSlice& slice : slices_) kinds_.push_back(kind_of[slice.population]);
  }

  const Network& network_;
  std::span<const Population> populations_;
  std::span<const LayerWidths> widths_;
  const Chip& chip_;
  std::span<const std::uint32_t> parts_;  ///< by population
  Cuts& cuts_;
  PopulationGraph graph_;
  std::vector<std::uint64_t> free_;   ///< per core kind: slices that its cores may still take
  std::vector<std::uint64_t> alone_;  ///< per core kind: of these with a core to themselves
  std::vector<double> filled_;        ///< per core kind: cores, were its slices packed
  std::vector<LayerSlice> slices_;    ///< still without cores
  std::vector<std::uint32_t> kinds_;  ///< of their cores
  std::vector<Footprint> uses_;       ///< by slice
  std::uint64_t would_do_ = std::numeric_limits<std::uint64_t>::max();
  bool hopeless_ = false;
  std::vector<std::uint32_t> groups_;  ///< by slice: the first one that shares its core
  MappingResult result_;
};

/// Tries mappings with slices of different sizes.
class Sizer {
 public:
  Sizer(const Network& network, std::span<const Population> populations,
        std::span<const LayerWidths> widths, const Chip& chip)
      : network_(network), populations_(populations), widths_(widths), chip_(chip) {}

  MappingResult run() {
    MappingResult best;
    std::uint64_t fewest_cores = std::numeric_limits<std::uint64_t>::max();
    for (std::uint32_t parts = 1; parts <= std::min(most_slices(), most_parts); ++parts) {
      parts_.assign(populations_.size(), parts);
      Mapper mapper(network_, populations_, widths_, chip_, parts_, cuts_);
      MappingResult next = mapper.run();
      if (next.feasible()) return larger_slices(std::move(next), parts);
      if (parts == 1 || mapper.would_do() < fewest_cores) best = std::move(next);
      if (mapper.hopeless() || !lacks_cores_only(best.violations)) break;
      fewest_cores = std::min(fewest_cores, mapper.would_do());
    }
    return best;
  }

 private:
  /// Population after population, the largest with which all find room, the others as they are.
  MappingResult larger_slices(MappingResult found, std::uint32_t parts) {
    for (std::uint32_t& some : parts_) {
      for (some = 1; some < parts; ++some) {
        MappingResult next = Mapper(network_, populations_, widths_, chip_, parts_, cuts_).run();
        if (!next.feasible()) continue;
        found = std::move(next);
        break;
      }
    }
    return found;
  }

  static bool lacks_cores_only(std::span<const Violation> violations) {
    return std::all_of(violations.begin(), violations.end(),
                       [](const Violation& violation) { return violation.resource == "cores"; });
  }

  /// That a core of the chip takes.
  [[nodiscard]] std::uint32_t most_slices() const {
    std::uint32_t most = 1;
    for (const CoreKindSpec& kind : chip_.spec().core_kinds) most = std::max(most, kind.max_slices);
    return most;
  }

  const Network& network_;
  std::span<const Population> populations_;
  std::span<const LayerWidths> widths_;
  const Chip& chip_;
  std::vector<std::uint32_t> parts_;  ///< by population
  Cuts cuts_;
};

}  // namespace

MappingResult map_network(const Network& network, std::span<const Population> populations,
                          std::span<const LayerWidths> widths, const Chip& chip) {
  check_widths(network, widths);
  if (chip.spec().array) return map_tiles(network, populations, widths, chip);
  return Sizer(network, populations, widths, chip).run();
}

}  // namespace nj

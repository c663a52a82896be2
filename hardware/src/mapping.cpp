#include "neurojoule/hardware/mapping.hpp"

#include <algorithm>
#include <optional>
#include <variant>

#include <fmt/core.h>

#include "neurojoule/hardware/population_graph.hpp"

#include "cuts.hpp"
#include "footprint.hpp"
#include "place.hpp"
#include "streamed/tile_needs.hpp"

namespace nj {
namespace {

class Mapper {
 public:
  Mapper(const Network& network, std::span<const Population> populations,
         std::span<const LayerWidths> widths, const Chip& chip)
      : network_(network),
        populations_(populations),
        widths_(widths),
        chip_(chip),
        graph_(population_graph(network, populations, chip.reads_frames())) {
    for (std::uint32_t k = 0; k < chip.spec().core_kinds.size(); ++k) {
      free_.push_back(chip.cores_of_kind(k));
    }
  }

  MappingResult run() {
    for (std::uint32_t p = 0; p < populations_.size(); ++p) cut(p);
    if (result_.feasible()) {
      result_.mapping = place_in_order(chip_, std::move(slices_), kinds_);
    }
    return std::move(result_);
  }

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
    for (const std::uint32_t kind : kinds) {
      const auto cut = fewest_slices(needs, chip_.spec().core_kinds[kind]);
      if (!cut) continue;
      const bool room = cut->slices() <= free_[kind];
      const bool best_room = best && best->slices() <= free_[best_kind];
      if (!best || room > best_room || (room == best_room && cut->slices() < best->slices())) {
        best = cut;
        best_kind = kind;
      }
    }
    if (!best) {
      report_limits(p, needs, kinds);
    } else if (best->slices() > free_[best_kind]) {
      report_cores(p, best->slices(), best_kind);
    } else {
      put(p, needs, *best, best_kind);
    }
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
    result_.violations.push_back(
        {name(p), "cores", needed, free_[kind],
         fmt::format(R"(layer "{}" needs {} cores of kind "{}", {} of {} are free)", name(p),
                     needed, chip_.spec().core_kinds[kind].name, free_[kind],
                     chip_.cores_of_kind(kind))});
  }

  void put(std::uint32_t p, const SliceNeeds& needs, const Cut& cut, std::uint32_t kind) {
    add_slices(p, needs, cut, slices_);
    kinds_.insert(kinds_.end(), cut.slices(), kind);
    free_[kind] -= cut.slices();
  }

  const Network& network_;
  std::span<const Population> populations_;
  std::span<const LayerWidths> widths_;
  const Chip& chip_;
  PopulationGraph graph_;
  std::vector<std::uint64_t> free_;   ///< per core kind: cores without a slice
  std::vector<LayerSlice> slices_;    ///< still without cores
  std::vector<std::uint32_t> kinds_;  ///< of their cores
  MappingResult result_;
};

}  // namespace

MappingResult map_network(const Network& network, std::span<const Population> populations,
                          std::span<const LayerWidths> widths, const Chip& chip) {
  check_widths(network, widths);
  if (chip.spec().array) return map_tiles(network, populations, widths, chip);
  return Mapper(network, populations, widths, chip).run();
}

}  // namespace nj

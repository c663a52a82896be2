#include <algorithm>
#include <optional>
#include <variant>

#include <fmt/core.h>

#include "neurojoule/hardware/mapping.hpp"
#include "neurojoule/hardware/population_graph.hpp"

#include "footprint.hpp"
#include "streamed/tile_needs.hpp"

namespace nj {
namespace {

bool overlap(const LayerSlice& a, const LayerSlice& b) {
  return a.population == b.population && a.channel_begin < b.channel_end &&
         b.channel_begin < a.channel_end && a.row_begin < b.row_end && b.row_begin < a.row_end &&
         a.column_begin < b.column_end && b.column_begin < a.column_end;
}

bool inside(const LayerSlice& slice, const FeatureShape& shape, std::uint32_t channel_unit) {
  return slice.channel_begin < slice.channel_end && slice.channel_end <= shape.channels &&
         slice.row_begin < slice.row_end && slice.row_end <= shape.height &&
         slice.column_begin < std::min(slice.column_end, shape.width) &&
         (slice.column_end <= shape.width || slice.column_end == LayerSlice::all_columns) &&
         slice.channel_begin % channel_unit == 0 && slice.channel_end % channel_unit == 0;
}

class Checker {
 public:
  Checker(const Network& network, std::span<const Population> populations,
          std::span<const LayerWidths> widths, const Chip& chip)
      : network_(network),
        populations_(populations),
        chip_(chip),
        held_(chip.cores().size()),
        placed_(populations.size(), 0) {
    const PopulationGraph graph = population_graph(network, populations, chip.reads_frames());
    for (std::uint32_t p = 0; p < populations.size(); ++p) {
      needs_.push_back(slice_needs(network, populations[p], widths, graph.slots[p], chip));
      if (!graph.sends(p)) continue;
      const auto violation = too_long_packets(network, populations[p], widths, chip);
      if (violation) violations_.push_back(*violation);
    }
  }

  std::vector<Violation> run(const Mapping& mapping) {
    for (std::uint32_t i = 0; i < mapping.slices.size(); ++i) {
      const LayerSlice& slice = mapping.slices[i];
      slice_ = i;
      if (!check_extent(slice)) continue;
      for (std::uint32_t j = 0; j < i; ++j) {
        const LayerSlice& other = mapping.slices[j];
        if (!overlap(slice, other)) continue;
        add(slice.population, "neurons", 1, 0,
            fmt::format("has neurons that are placed twice, on core {} and on core {}",
                        other.core.index, slice.core.index));
      }
      check_core(slice);
    }
    slice_.reset();
    for (std::uint32_t p = 0; p < populations_.size(); ++p) {
      const bool input = std::holds_alternative<Input>(*needs_[p].op);
      if (!input && placed_[p] < needs_[p].shape.neurons()) {
        add(p, "neurons", needs_[p].shape.neurons(), placed_[p], "has neurons without a core");
      }
    }
    return std::move(violations_);
  }

 private:
  [[nodiscard]] const std::string& name(std::uint32_t p) const {
    return network_.layer(populations_[p].lead).name;
  }

  void add(std::uint32_t p, std::string resource, std::uint64_t needed, std::uint64_t available,
           std::string_view what) {
    violations_.push_back({name(p), std::move(resource), needed, available,
                           fmt::format("layer \"{}\" {}", name(p), what), slice_});
  }

  bool check_extent(const LayerSlice& slice) {
    if (slice.population >= populations_.size()) {
      violations_.push_back({"", "population", slice.population, populations_.size(),
                             "a slice names a population that the network lacks", slice_});
      return false;
    }
    const SliceNeeds& needs = needs_[slice.population];
    if (std::holds_alternative<Input>(*needs.op) ||
        !inside(slice, needs.shape, needs.channel_unit)) {
      add(slice.population, "slice", 1, 0,
          "has a slice that is empty, outside the layer, cuts a head, or is of an input");
      return false;
    }
    const SliceSize size = size_of(slice, needs.shape);
    placed_[slice.population] += std::uint64_t{size.channels} * size.rows * size.columns;
    return true;
  }

  void check_core(const LayerSlice& slice) {
    if (slice.core.index >= chip_.cores().size()) {
      add(slice.population, "cores", std::uint64_t{slice.core.index} + 1, chip_.cores().size(),
          "is placed on a core that does not exist");
      return;
    }
    check_crowded(slice);
    const SliceNeeds& needs = needs_[slice.population];
    const CoreKindSpec& kind = chip_.kind_of(slice.core);
    if (!kind.has(role_of(needs, chip_))) {
      add(slice.population, "role", 1, 0, "is placed on a core without its role");
    }
    if (has_weights(*needs.op) && !kind.weight_formats.supports(needs.lead.weights)) {
      add(slice.population, "weight_format", needs.lead.weights.bits,
          kind.weight_formats.max_bits(needs.lead.weights.scheme),
          "is placed on a core that does not take its weight format");
    }
    const Footprint use = footprint(needs, size_of(slice, needs.shape), kind);
    for (Violation& violation : exceeded(use, kind, name(slice.population))) {
      violation.slice = slice_;
      violations_.push_back(std::move(violation));
    }
    check_shared(slice, use);
  }

  /// Slices on the same core: too many, or too large together where each fits alone.
  void check_shared(const LayerSlice& slice, const Footprint& use) {
    const CoreKindSpec& kind = chip_.kind_of(slice.core);
    Held& held = held_[slice.core.index];
    const bool fitted = fits(held.use, kind) && fits(use, kind);
    const bool shares = held.slices > 0 && held.slices < kind.max_slices;
    held.use = together(held.use, use, kind);
    held.last = slice.population;
    ++held.slices;
    if (!fitted || !shares) return;
    for (Violation& over : exceeded(held.use, kind, name(slice.population))) {
      over.message += fmt::format(", with what is on core {} before it", slice.core.index);
      over.slice = slice_;
      violations_.push_back(std::move(over));
    }
  }
  void check_crowded(const LayerSlice& slice) {
    const CoreKindSpec& kind = chip_.kind_of(slice.core);
    const Held& held = held_[slice.core.index];
    if (held.slices < kind.max_slices) return;
    std::string what =
        fmt::format("shares core {} with {}", slice.core.index,
                    held.last == slice.population ? "another slice of it"
                                                  : fmt::format("layer \"{}\"", name(held.last)));
    if (kind.max_slices > 1) {
      what += fmt::format(" and others: a \"{}\" core takes {} slices", kind.name, kind.max_slices);
    }
    add(slice.population, "cores", held.slices + std::uint64_t{1}, kind.max_slices, what);
  }

  /// What a core has of the slices before.
  struct Held {
    std::uint32_t slices = 0;
    std::uint32_t last = 0;  ///< population
    Footprint use;
  };

  const Network& network_;
  std::span<const Population> populations_;
  const Chip& chip_;
  std::vector<SliceNeeds> needs_;
  std::vector<Held> held_;              ///< by core
  std::vector<std::uint64_t> placed_;   ///< neurons per population
  std::optional<std::uint32_t> slice_;  ///< the one that is looked at
  std::vector<Violation> violations_;
};

}  // namespace

std::vector<Violation> check_mapping(const Network& network,
                                     std::span<const Population> populations,
                                     std::span<const LayerWidths> widths, const Chip& chip,
                                     const Mapping& mapping) {
  check_widths(network, widths);
  if (chip.spec().array) return check_tiles(network, populations, widths, chip, mapping);
  return Checker(network, populations, widths, chip).run(mapping);
}

}  // namespace nj

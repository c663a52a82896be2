#include "shared_cores.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "footprint.hpp"

namespace nj {
namespace {

/// What one core holds.
struct Held {
  std::uint32_t slices = 0;
  Footprint use;
};

/// Cores that fill up.
class Cores {
 public:
  Cores(const CoreKindSpec& kind, std::size_t cores) : kind_(kind), held_(cores) {}

  [[nodiscard]] std::size_t size() const { return held_.size(); }
  void add_core() { held_.emplace_back(); }
  /// Puts a slice on a core unless it finds no room there.
  bool put(std::uint32_t core, const Footprint& use) {
    Held& held = held_[core];
    if (held.slices == kind_.max_slices) return false;
    // What mostly decides, before all the rest is added up.
    if (saturating_sum(held.use.neurons, use.neurons) > kind_.max_neurons) return false;
    const Footprint both = together(held.use, use, kind_);
    if (!fits(both, kind_)) return false;
    held = {held.slices + 1, both};
    return true;
  }
  [[nodiscard]] double filled(std::uint32_t core) const {
    return nj::filled(held_[core].use, kind_);
  }

 private:
  const CoreKindSpec& kind_;
  std::vector<Held> held_;
};

/// The largest first, of equal ones the first.
std::vector<std::uint32_t> by_size(std::span<const Footprint> uses, const CoreKindSpec& kind) {
  std::vector<double> sizes;
  for (const Footprint& use : uses) sizes.push_back(filled(use, kind));
  std::vector<std::uint32_t> order(uses.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return sizes[a] > sizes[b]; });
  return order;
}

/// Each slice on the core that is filled least of those with room; returns whether all found some.
bool spread_evenly(std::span<const Footprint> uses, std::span<const std::uint32_t> order,
                   Cores cores, std::vector<std::uint32_t>& core_of) {
  std::set<std::pair<double, std::uint32_t>> emptiest;
  for (std::uint32_t c = 0; c < cores.size(); ++c) emptiest.emplace(0.0, c);
  for (const std::uint32_t slice : order) {
    const auto core = std::find_if(emptiest.begin(), emptiest.end(), [&](const auto& next) {
      return cores.put(next.second, uses[slice]);
    });
    if (core == emptiest.end()) return false;
    core_of[slice] = core->second;
    emptiest.erase(core);
    emptiest.emplace(cores.filled(core_of[slice]), core_of[slice]);
  }
  return true;
}

}  // namespace

SharedCores share_cores(std::span<const Footprint> uses, const CoreKindSpec& kind,
                        std::uint32_t cores) {
  SharedCores shared{std::vector<std::uint32_t>(uses.size(), 0), cores};
  const std::vector<std::uint32_t> order = by_size(uses, kind);
  if (spread_evenly(uses, order, Cores(kind, cores), shared.core_of)) return shared;
  Cores filling(kind, 0);
  for (const std::uint32_t slice : order) {
    std::uint32_t core = 0;
    while (core < filling.size() && !filling.put(core, uses[slice])) ++core;
    if (core == filling.size()) {
      if (core == cores) shared.left_out = slice;
      filling.add_core();
      filling.put(core, uses[slice]);
    }
    shared.core_of[slice] = core;
  }
  shared.needed = filling.size();
  return shared;
}

std::vector<UsedCore> used_cores(const Mapping& mapping) {
  std::vector<UsedCore> used;
  std::map<CoreId, std::size_t> place_of;
  for (std::uint32_t s = 0; s < mapping.slices.size(); ++s) {
    const CoreId core = mapping.slices[s].core;
    const auto [place, fresh] = place_of.emplace(core, used.size());
    if (fresh) used.push_back({core, {}});
    used[place->second].slices.push_back(s);
  }
  return used;
}

std::vector<Footprint> core_footprints(const Chip& chip, const Mapping& mapping,
                                       std::span<const Footprint> uses) {
  std::vector<Footprint> sums;
  for (const UsedCore& used : used_cores(mapping)) {
    Footprint& sum = sums.emplace_back(uses[used.slices.front()]);
    for (const std::uint32_t s : std::span(used.slices).subspan(1)) {
      sum = together(sum, uses[s], chip.kind_of(used.core));
    }
  }
  return sums;
}

}  // namespace nj

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/hardware/sanafe_simulate.hpp"

namespace nj::sanafe {

/// Everything on a chip that has a price, numbered: units of core kinds, hops into tile kinds.
class ActionTable {
 public:
  explicit ActionTable(const Architecture& chip);

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(costs_.size()); }
  [[nodiscard]] const Cost& cost(std::uint32_t action) const { return costs_[action]; }

  [[nodiscard]] std::uint32_t message_out(std::uint32_t kind) const { return first_[kind]; }
  [[nodiscard]] std::uint32_t message_in(std::uint32_t kind) const { return first_[kind] + 1; }
  [[nodiscard]] std::uint32_t synapse(std::uint32_t kind, std::uint32_t unit) const {
    return first_[kind] + 2 + unit;
  }
  [[nodiscard]] std::uint32_t dendrite(std::uint32_t kind, std::uint32_t unit) const {
    return first_dendrite_[kind] + unit;
  }
  [[nodiscard]] std::uint32_t access(std::uint32_t kind, std::uint32_t unit) const {
    return first_soma_[kind] + 3 * unit;
  }
  [[nodiscard]] std::uint32_t update(std::uint32_t kind, std::uint32_t unit) const {
    return access(kind, unit) + 1;
  }
  [[nodiscard]] std::uint32_t spike(std::uint32_t kind, std::uint32_t unit) const {
    return access(kind, unit) + 2;
  }
  [[nodiscard]] std::uint32_t hop(std::uint32_t tile_kind, Heading heading) const {
    return first_hop_[tile_kind] + static_cast<std::uint32_t>(heading);
  }

  /// Prices counts [action]. The order of the sums is that of the actions.
  [[nodiscard]] StepEnergy price(std::span<const std::uint64_t> counts) const;

 private:
  enum class Category : std::uint8_t { synapse, dendrite, soma, network };
  void add(Category category, const Cost& cost);

  std::vector<Cost> costs_;
  std::vector<Category> categories_;
  std::vector<std::uint32_t> first_;           ///< [core kind]
  std::vector<std::uint32_t> first_dendrite_;  ///< [core kind]
  std::vector<std::uint32_t> first_soma_;      ///< [core kind]
  std::vector<std::uint32_t> first_hop_;       ///< [tile kind]
};

}  // namespace nj::sanafe

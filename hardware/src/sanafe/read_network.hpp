#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "neurojoule/hardware/sanafe_network.hpp"

#include "fields.hpp"

// The parts of reading a network file; each adds to the same draft.
namespace nj::sanafe {

inline constexpr std::uint32_t max_neurons = 1U << 28;
/// A real number; zeros lose their sign, as sums of inputs start at -0, by which kernels tell that
/// nothing came. Throws: Error(config) beyond 1e300.
inline double real_of(const Cursor& value) { return value.real(-1e300, 1e300) + 0.0; }

inline constexpr std::uint64_t max_delay = 5;  ///< steps that SANA-FE's delay lines hold

/// Units that a neuron asks for by name; empty: the first of its core.
struct UnitNames {
  std::string_view synapse;
  std::string_view dendrite;
  std::string_view soma;
};

/// A network while it is read. Words point into the text of the file.
struct NetworkDraft {
  const Architecture& chip;
  Network network;
  std::unordered_map<std::string_view, std::uint32_t> group_ids;
  std::vector<UnitNames> names;         ///< distinct ones
  std::vector<std::uint32_t> names_of;  ///< [neuron]: index in `names`

  /// `g`, `g.3` or `g.0..4` -> group and neurons within it (whole group: 0, size).
  struct Neurons {
    std::uint32_t group = 0;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    bool whole_group = false;
  };
  /// Throws: Error(config) at `place` when there is no such group or neuron.
  [[nodiscard]] Neurons find(const Cursor& place, std::string_view word) const;
  [[nodiscard]] SomaModel soma_model(std::uint32_t neuron) const;
};

/// `groups:` -> groups, parameters, biases, unit names.
void read_groups(const Cursor& groups, NetworkDraft& draft);
/// `mappings:` -> placements, order.
void read_mappings(const Cursor& mappings, NetworkDraft& draft);
/// `edges:` -> edges. Needs the placements.
void read_edges(const Cursor& edges, NetworkDraft& draft);

}  // namespace nj::sanafe

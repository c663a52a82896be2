#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// Chip files of SANA-FE (J. A. Boyle et al., "SANA-FE: Simulating Advanced Neuromorphic
// Architectures for Fast Exploration", IEEE TCAD 44(8), 2025), read unchanged. docs/sanafe.md lists
// every attribute. Their unit of energy is the joule and of time the second.
namespace nj::sanafe {

/// Price and duration of one action.
struct Cost {
  double energy_j = 0;
  double latency_s = 0;
};

/// The way a message leaves a router; x grows to the east, y to the north.
enum class Heading : std::uint8_t { east, west, north, south };

enum class SynapseModel : std::uint8_t { current_based };
enum class DendriteModel : std::uint8_t { accumulator, accumulator_with_delay, taps };
enum class SomaModel : std::uint8_t { leaky_integrate_fire, truenorth, input };

/// Units of one kind in a core. `name[0..7]` in the file is eight of them; without a range there is
/// one, which any number of neurons may use.
struct UnitName {
  std::string name;         ///< without the range
  bool replicated = false;  ///< has a range: neurons name `name[i]`
  std::uint32_t first = 0;  ///< least index
  std::uint32_t count = 1;
};

struct SynapseUnit {
  UnitName unit;
  SynapseModel model{};
  Cost process_spike;  ///< one synaptic event
};

struct DendriteUnit {
  UnitName unit;
  DendriteModel model{};
  Cost update;
};

struct SomaUnit {
  UnitName unit;
  SomaModel model{};
  Cost access;  ///< every mapped neuron in every time step
  Cost update;
  Cost spike;
};

/// What a core of one line of the file consists of. The first unit of each list serves neurons that
/// name none.
struct CoreKind {
  std::string name;
  std::uint64_t max_neurons = 0;
  Cost message_in;
  Cost message_out;
  std::vector<SynapseUnit> synapses;
  std::vector<DendriteUnit> dendrites;
  std::vector<SomaUnit> somas;
};

/// Cores of a tile, in the order of the file.
struct TileKind {
  std::string name;
  std::array<Cost, 4> hops;  ///< [Heading]: of a hop that ends in this tile's column or row
  std::vector<std::uint32_t> core_kinds;
};

/// A whole chip: tiles on a mesh, tile id -> x = id / height, y = id % height.
struct Architecture {
  std::string name;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<CoreKind> core_kinds;
  std::vector<TileKind> tile_kinds;
  std::vector<std::uint32_t> tiles;  ///< [tile]: index in tile_kinds
  std::vector<std::uint32_t>
      first_core;                      ///< [tiles + 1]: cores of tile t are [first[t], first[t+1])
  std::vector<std::uint32_t> tile_of;  ///< [core]
  std::vector<std::uint32_t> kind_of;  ///< [core]: index in core_kinds
  /// Duration of the barrier by number of tiles in use: that of the largest key not above it, or of
  /// the least key. Never empty.
  std::map<std::uint32_t, double> sync_s;

  [[nodiscard]] std::uint32_t cores() const { return static_cast<std::uint32_t>(kind_of.size()); }
  [[nodiscard]] const CoreKind& core(std::uint32_t id) const { return core_kinds[kind_of[id]]; }
  [[nodiscard]] std::uint32_t x(std::uint32_t tile) const { return tile / height; }
  [[nodiscard]] std::uint32_t y(std::uint32_t tile) const { return tile % height; }
  [[nodiscard]] double sync(std::uint32_t tiles_in_use) const;
};

/// Reads a chip file. Throws: Error(io); Error(config) with the place of what is wrong;
/// Error(unsupported) with the place of an attribute that SANA-FE has and we refuse.
Architecture load_architecture(const std::filesystem::path& file);
/// As `load_architecture`, of a text; errors name `name` as their file.
Architecture read_architecture(std::string_view text, std::string_view name);

}  // namespace nj::sanafe

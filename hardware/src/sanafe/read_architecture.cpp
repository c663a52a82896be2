#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/yaml.hpp"
#include "neurojoule/hardware/sanafe_architecture.hpp"

#include "fields.hpp"

namespace nj::sanafe {

namespace {

constexpr std::uint32_t max_side = 4096;
constexpr std::uint32_t max_tiles = 1U << 20;
constexpr std::uint32_t max_cores = 1U << 22;
constexpr std::uint32_t max_units = 1U << 20;
constexpr std::string_view no_plugin =
    "plug-ins run foreign code; only built-in models are simulated";

/// The attributes of a block that has only `name` and `attributes`.
Fields attributes_of(const Cursor& block) { return Fields(block.at("attributes")); }

/// Elements of a list such as `tile:`. Throws: when it is missing or empty.
std::vector<Cursor> blocks(const Cursor& parent, std::string_view key) {
  const Cursor list = parent.at(key);
  if (!list.is_sequence() || list.size() == 0) {
    throw list.error("expected a list with at least one entry");
  }
  return list.list();
}

template <class Model>
Model model_of(const Fields& fields,
               std::initializer_list<std::pair<std::string_view, Model>> names) {
  if (const auto plugin = fields.find("plugin")) {
    throw plugin->error(std::string(no_plugin), ErrorKind::unsupported);
  }
  const Cursor model = fields.at("model");
  std::vector<std::string_view> known;
  for (const auto& [name, value] : names) {
    if (model.text() == name) return value;
    known.push_back(name);
  }
  throw model.error(
      fmt::format("expected one of {}, got '{}'", fmt::join(known, ", "), model.text()),
      ErrorKind::unsupported);
}

Cost cost_of(const Fields& fields, std::string_view action) {
  return {.energy_j = fields.cost(fmt::format("energy_{}", action)),
          .latency_s = fields.cost(fmt::format("latency_{}", action))};
}

Cost cost_or_zero(const Fields& fields, std::string_view action) {
  return {.energy_j = fields.cost_or_zero(fmt::format("energy_{}", action)),
          .latency_s = fields.cost_or_zero(fmt::format("latency_{}", action))};
}

UnitName unit_name(const Cursor& block) {
  check_keys(block.list(), {"name", "attributes"});
  const NameRange range = name_range(block.at("name"), max_units);
  return {.name = std::string(range.name),
          .replicated = range.replicated,
          .first = range.first,
          .count = range.count};
}

template <class Unit>
void add_unit(std::vector<Unit>& units, Unit unit, const Cursor& block) {
  for (const Unit& other : units) {
    if (other.unit.name == unit.unit.name) {
      throw block.at("name").error(fmt::format("two units are called '{}'", unit.unit.name));
    }
  }
  units.push_back(std::move(unit));
}

void read_synapses(const Cursor& core, CoreKind& kind) {
  for (const Cursor& block : blocks(core, "synapse")) {
    const Fields fields = attributes_of(block);
    SynapseUnit unit{.unit = unit_name(block), .model = {}, .process_spike = {}};
    unit.model = model_of<SynapseModel>(fields, {{"current_based", SynapseModel::current_based}});
    check_keys(fields.all(), {"model", "energy_process_spike", "latency_process_spike"});
    unit.process_spike = cost_or_zero(fields, "process_spike");
    add_unit(kind.synapses, std::move(unit), block);
  }
}

/// `force_update` and `update_every_timestep` change nothing in a dendrite: it acts on events.
void read_dendrites(const Cursor& core, CoreKind& kind) {
  for (const Cursor& block : blocks(core, "dendrite")) {
    const Fields fields = attributes_of(block);
    DendriteUnit unit{.unit = unit_name(block), .model = {}, .update = {}};
    unit.model = model_of<DendriteModel>(
        fields, {{"accumulator", DendriteModel::accumulator},
                 {"accumulator_with_delay", DendriteModel::accumulator_with_delay},
                 {"taps", DendriteModel::taps}});
    check_keys(fields.all(), {"model", "energy_update", "latency_update", "force_update",
                              "update_every_timestep"});
    for (const char* key : {"force_update", "update_every_timestep"}) {
      if (const auto force = fields.find(key)) (void)force->boolean();
    }
    unit.update = cost_or_zero(fields, "update");
    add_unit(kind.dendrites, std::move(unit), block);
  }
}

void read_somas(const Cursor& core, CoreKind& kind) {
  for (const Cursor& block : blocks(core, "soma")) {
    const Fields fields = attributes_of(block);
    SomaUnit unit{.unit = unit_name(block), .model = {}, .access = {}, .update = {}, .spike = {}};
    unit.model =
        model_of<SomaModel>(fields, {{"leaky_integrate_fire", SomaModel::leaky_integrate_fire},
                                     {"truenorth", SomaModel::truenorth},
                                     {"input", SomaModel::input}});
    check_keys(fields.all(),
               {"model", "energy_access_neuron", "latency_access_neuron", "energy_update_neuron",
                "latency_update_neuron", "energy_spike_out", "latency_spike_out"},
               {{"noise", "noise streams are not simulated"},
                {"noise_bits", "noise streams are not simulated"}});
    unit.access = cost_of(fields, "access_neuron");
    unit.update = cost_of(fields, "update_neuron");
    unit.spike = cost_of(fields, "spike_out");
    add_unit(kind.somas, std::move(unit), block);
  }
}

/// The one axon unit of a core. `action`: `message_in` or `message_out`.
Cost read_axon(const Cursor& core, std::string_view key, std::string_view action) {
  const std::vector<Cursor> axons = blocks(core, key);
  if (axons.size() > 1 || unit_name(axons[0]).count > 1) {
    throw core.at(key).error("a core has one such unit", ErrorKind::unsupported);
  }
  const Fields fields = attributes_of(axons[0]);
  check_keys(fields.all(), {fmt::format("energy_{}", action), fmt::format("latency_{}", action)});
  return cost_of(fields, action);
}

CoreKind read_core(const Cursor& block) {
  check_keys(block.list(),
             {"name", "attributes", "axon_in", "synapse", "dendrite", "soma", "axon_out"});
  const Fields fields = attributes_of(block);
  check_keys(fields.all(), {"buffer_position", "buffer_inside_unit", "max_neurons_supported"});
  CoreKind kind;
  kind.name = name_range(block.at("name"), max_cores).name;
  kind.max_neurons = fields.at("max_neurons_supported").integer(0, 1ULL << 31);
  const Cursor position = fields.at("buffer_position");
  if (position.text() != "soma") {
    throw position.error(fmt::format("only cores with their buffer at the soma are simulated, got "
                                     "'{}'",
                                     position.text()),
                         ErrorKind::unsupported);
  }
  if (const auto inside = fields.find("buffer_inside_unit"); inside && inside->boolean()) {
    throw inside->error("only buffers before the unit are simulated", ErrorKind::unsupported);
  }
  kind.message_in = read_axon(block, "axon_in", "message_in");
  kind.message_out = read_axon(block, "axon_out", "message_out");
  read_synapses(block, kind);
  read_dendrites(block, kind);
  read_somas(block, kind);
  return kind;
}

void read_tile(const Cursor& block, Architecture& chip) {
  check_keys(block.list(), {"name", "attributes", "core"});
  const Fields fields = attributes_of(block);
  constexpr std::array<std::string_view, 4> headings = {"east_hop", "west_hop", "north_hop",
                                                        "south_hop"};
  check_keys(fields.all(),
             {"energy_east_hop", "latency_east_hop", "energy_west_hop", "latency_west_hop",
              "energy_north_hop", "latency_north_hop", "energy_south_hop", "latency_south_hop"});
  const NameRange range = name_range(block.at("name"), max_tiles);
  TileKind kind{.name = std::string(range.name), .hops = {}, .core_kinds = {}};
  for (std::size_t h = 0; h < headings.size(); ++h) kind.hops[h] = cost_of(fields, headings[h]);
  for (const Cursor& core : blocks(block, "core")) {
    const NameRange cores = name_range(core.at("name"), max_cores);
    const auto index = static_cast<std::uint32_t>(chip.core_kinds.size());
    chip.core_kinds.push_back(read_core(core));
    if (kind.core_kinds.size() + cores.count > max_cores) {
      throw core.error(fmt::format("more than {} cores", max_cores), ErrorKind::capacity);
    }
    kind.core_kinds.insert(kind.core_kinds.end(), cores.count, index);
  }
  const std::size_t places = std::size_t{chip.width} * chip.height;
  if (chip.tiles.size() + range.count > places) {
    throw block.error(fmt::format("{} tiles do not fit on a {} x {} mesh",
                                  chip.tiles.size() + range.count, chip.width, chip.height));
  }
  if (chip.kind_of.size() + std::size_t{range.count} * kind.core_kinds.size() > max_cores) {
    throw block.error(fmt::format("more than {} cores", max_cores), ErrorKind::capacity);
  }
  const auto index = static_cast<std::uint32_t>(chip.tile_kinds.size());
  for (std::uint32_t i = 0; i < range.count; ++i) {
    const auto tile = static_cast<std::uint32_t>(chip.tiles.size());
    chip.tiles.push_back(index);
    chip.tile_of.insert(chip.tile_of.end(), kind.core_kinds.size(), tile);
    chip.kind_of.insert(chip.kind_of.end(), kind.core_kinds.begin(), kind.core_kinds.end());
    chip.first_core.push_back(chip.cores());
  }
  chip.tile_kinds.push_back(std::move(kind));
}

void read_sync(const Fields& fields, Architecture& chip) {
  const auto model = fields.find("sync_model");
  const auto latency = fields.find("latency_sync");
  if (model && model->text() != "fixed" && model->text() != "table") {
    throw model->error(fmt::format("expected one of fixed, table, got '{}'", model->text()));
  }
  if (model && model->text() == "table") {
    const Cursor table = fields.at("latency_sync");
    if (!table.is_map() || table.size() == 0) throw table.error("expected {tiles: seconds, ...}");
    for (const Cursor entry : table) {
      const auto tiles = whole_number(entry.key());
      if (!tiles) throw entry.error("expected a number of tiles");
      if (!chip.sync_s.emplace(*tiles, entry.real(0, 1)).second) {
        throw entry.error("duplicate key");
      }
    }
  } else {
    chip.sync_s.emplace(0, latency ? latency->real(0, 1) : 0.0);
  }
}

Architecture read(const TextTree& tree) {
  const Cursor root = tree.root();
  if (!root.find("architecture") && root.find("network")) {
    throw root.error("this is a network file; the file of the chip comes first");
  }
  const Cursor block = root.at("architecture");  // other sections: ignored, as they say
  check_keys(block.list(), {"name", "attributes", "tile"});
  const Fields fields = attributes_of(block);
  check_keys(fields.all(),
             {"topology", "width", "height", "link_buffer_size", "sync_model", "latency_sync"});
  Architecture chip;
  if (const auto name = block.find("name")) chip.name = name->text();
  if (const auto topology = fields.find("topology"); topology && topology->text() != "mesh") {
    throw topology->error(fmt::format("only 'mesh' is simulated, got '{}'", topology->text()),
                          ErrorKind::unsupported);
  }
  chip.width = static_cast<std::uint32_t>(fields.at("width").integer(1, max_side));
  chip.height = static_cast<std::uint32_t>(fields.at("height").integer(1, max_side));
  (void)fields.at("link_buffer_size").integer(0, 1U << 30);  // docs/sanafe.md
  read_sync(fields, chip);
  chip.first_core.push_back(0);
  for (const Cursor& tile : blocks(block, "tile")) read_tile(tile, chip);
  return chip;
}

}  // namespace

double Architecture::sync(std::uint32_t tiles_in_use) const {
  const auto above = sync_s.upper_bound(tiles_in_use);
  return above == sync_s.begin() ? above->second : std::prev(above)->second;
}

Architecture load_architecture(const std::filesystem::path& file) {
  return read(TextTree::load(file));
}

Architecture read_architecture(std::string_view text, std::string_view name) {
  return read(TextTree::parse(std::string(text), std::string(name)));
}

}  // namespace nj::sanafe

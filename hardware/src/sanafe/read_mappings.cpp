#include <map>
#include <tuple>

#include <fmt/format.h>

#include "neurojoule/core/yaml.hpp"

#include "read_network.hpp"

namespace nj::sanafe {

namespace {

/// A unit of a core and, when it is replicated, which of its copies.
struct UnitChoice {
  std::uint16_t unit = 0;
  std::uint32_t instance = 0;
};

/// Finds `name` or `name[i]` among the units of a core; an empty name is the first.
std::string shown(const UnitName& unit) {
  if (!unit.replicated) return unit.name;
  return fmt::format("{}[{}..{}]", unit.name, unit.first, unit.first + (unit.count - 1));
}

template <class Unit>
UnitChoice choose(const std::vector<Unit>& units, std::string_view name, std::string_view what,
                  const Cursor& place) {
  if (name.empty()) return {};
  const std::size_t bracket = name.find('[');
  for (std::size_t i = 0; i < units.size(); ++i) {
    const UnitName& unit = units[i].unit;
    if (unit.name != name.substr(0, bracket)) continue;
    const auto choice = static_cast<std::uint16_t>(i);
    if (!unit.replicated && bracket == std::string_view::npos) return {choice, 0};
    if (unit.replicated && bracket != std::string_view::npos && name.ends_with(']')) {
      const auto index = whole_number(name.substr(bracket + 1, name.size() - bracket - 2));
      if (index && *index >= unit.first && *index - unit.first < unit.count) {
        return {choice, *index - unit.first};
      }
    }
    throw place.error(fmt::format("no {} unit '{}', there is {}", what, name, shown(unit)));
  }
  std::vector<std::string> known;
  for (const Unit& unit : units) known.push_back(shown(unit.unit));
  throw place.error(
      fmt::format("no {} unit '{}', expected one of {}", what, name, fmt::join(known, ", ")));
}

/// `3.1` -> the core 1 of tile 3.
std::uint32_t core_id(const Cursor& value, const Architecture& chip) {
  const std::string_view word = value.text();
  const std::size_t dot = word.find('.');
  const auto tile = whole_number(word.substr(0, dot));
  const auto core =
      dot == std::string_view::npos ? std::nullopt : whole_number(word.substr(dot + 1));
  if (!tile || !core) {
    throw value.error(fmt::format("expected tile.core, such as 0.3, got '{}'", word));
  }
  if (*tile >= chip.tiles.size()) {
    throw value.error(
        fmt::format("the chip has tiles 0..{}, got {}", chip.tiles.size() - 1, *tile));
  }
  const std::uint32_t first = chip.first_core[*tile];
  const std::uint32_t cores = chip.first_core[*tile + 1] - first;
  if (*core >= cores) {
    throw value.error(fmt::format("tile {} has cores 0..{}, got {}", *tile, cores - 1, *core));
  }
  return first + *core;
}

class MappingReader {
 public:
  explicit MappingReader(NetworkDraft& draft) : draft_(draft), neurons_on_(draft.chip.cores()) {
    draft.network.placements.resize(draft.network.neurons());
    draft.network.order.reserve(draft.network.neurons());
  }

  void read(const Cursor& entry) {
    const Fields fields(entry);
    check_keys(fields.all(), {"core", "soma", "synapse", "dendrite"});
    const std::uint32_t core = core_id(fields.at("core"), draft_.chip);
    const NetworkDraft::Neurons neurons = draft_.find(entry, entry.key());
    const Group& group = draft_.network.groups[neurons.group];
    const std::uint64_t room = draft_.chip.core(core).max_neurons;
    if (neurons_on_[core] + std::uint64_t{neurons.count} > room) {
      throw entry.error(
          fmt::format("core {} holds {} neurons, {} are mapped to it", fields.at("core").text(),
                      room, neurons_on_[core] + std::uint64_t{neurons.count}),
          ErrorKind::capacity);
    }
    neurons_on_[core] += neurons.count;
    std::uint32_t last_names = no_index;
    Placement placement;
    for (std::uint32_t i = 0; i < neurons.count; ++i) {
      const std::uint32_t neuron = group.first + neurons.first + i;
      if (draft_.names_of[neuron] != last_names) {
        last_names = draft_.names_of[neuron];
        placement = place(fields, core, draft_.names[last_names]);
      }
      if (draft_.network.placements[neuron].core != no_index) {
        throw entry.error(
            fmt::format("neuron {} is mapped twice", draft_.network.neuron_name(neuron)));
      }
      check_shared_dendrite(entry, neuron, placement);
      draft_.network.placements[neuron] = placement;
      draft_.network.order.push_back(neuron);
    }
  }

 private:
  Placement place(const Fields& fields, std::uint32_t core, const UnitNames& names) const {
    const auto name = [&](std::string_view key, std::string_view own) {
      const auto field = fields.find(key);
      return field ? field->text() : own;
    };
    const CoreKind& kind = draft_.chip.core(core);
    const Cursor& at = fields.node();
    const UnitChoice synapse = choose(kind.synapses, name("synapse", names.synapse), "synapse", at);
    const UnitChoice dendrite =
        choose(kind.dendrites, name("dendrite", names.dendrite), "dendrite", at);
    const UnitChoice soma = choose(kind.somas, name("soma", names.soma), "soma", at);
    return {.core = core,
            .synapse = synapse.unit,
            .dendrite = dendrite.unit,
            .soma = soma.unit,
            .dendrite_instance = dendrite.instance,
            .soma_instance = soma.instance};
  }

  /// Neurons may share a dendrite with taps when they agree on how many it has.
  void check_shared_dendrite(const Cursor& entry, std::uint32_t neuron, const Placement& at) {
    const auto& unit = draft_.chip.core(at.core).dendrites[at.dendrite];
    if (unit.model != DendriteModel::taps) return;
    const std::uint32_t line =
        draft_.network.parameters[draft_.network.parameters_of[neuron]].dendrite;
    if (line == no_index) return;  // takes what the unit has
    const std::size_t taps = draft_.network.dendrites[line].time_constants.size();
    const auto [shared, added] =
        taps_of_.try_emplace({at.core, at.dendrite, at.dendrite_instance}, taps);
    if (!added && shared->second != taps) {
      throw entry.error(fmt::format("{} has {} taps, its dendrite is used with {} before",
                                    draft_.network.neuron_name(neuron), taps, shared->second));
    }
  }

  NetworkDraft& draft_;
  std::vector<std::uint64_t> neurons_on_;  ///< [core]
  std::map<std::tuple<std::uint32_t, std::uint16_t, std::uint32_t>, std::size_t>
      taps_of_;  ///< core, dendrite, instance -> taps
};

}  // namespace

void read_mappings(const Cursor& mappings, NetworkDraft& draft) {
  if (!mappings.is_sequence())
    throw mappings.error("expected a list such as - g.0..9: {core: 0.0}");
  MappingReader reader(draft);
  for (const Cursor element : mappings) {
    if (!element.is_map() || element.size() == 0) {
      throw element.error("expected neurons and their core, such as g.0..9: {core: 0.0}");
    }
    for (const Cursor entry : element) reader.read(entry);
  }
  if (draft.network.order.size() == draft.network.neurons()) return;
  for (std::uint32_t neuron = 0; neuron < draft.network.neurons(); ++neuron) {
    if (draft.network.placements[neuron].core == no_index) {
      throw mappings.error(
          fmt::format("neuron {} is on no core", draft.network.neuron_name(neuron)));
    }
  }
}

}  // namespace nj::sanafe

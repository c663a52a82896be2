#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "neurojoule/core/yaml.hpp"

#include "read_network.hpp"

namespace nj::sanafe {

namespace {

constexpr std::uint32_t max_taps = 4096;

/// Everything that can be said about a neuron.
struct Attributes {
  NeuronParameters parameters;
  double bias = 0;
  UnitNames names;
  std::uint64_t taps = 1;  ///< of the dendrite
  std::vector<double> time_constants;
  std::vector<double> space_constants;
  std::optional<Cursor> taps_place;
};

ResetMode reset_mode(const Cursor& value) {
  constexpr std::pair<std::string_view, ResetMode> modes[] = {{"none", ResetMode::none},
                                                              {"soft", ResetMode::soft},
                                                              {"hard", ResetMode::hard},
                                                              {"saturate", ResetMode::saturate}};
  for (const auto& [name, mode] : modes) {
    if (value.text() == name) return mode;
  }
  throw value.error(
      fmt::format("expected one of none, soft, hard, saturate, got '{}'", value.text()));
}

std::vector<double> reals(const Cursor& list) {
  if (!list.is_sequence()) throw list.error("expected a list of numbers");
  std::vector<double> values;
  values.reserve(list.size());
  for (const Cursor value : list) values.push_back(real_of(value));
  return values;
}

std::vector<std::uint8_t> spike_train(const Cursor& list) {
  if (!list.is_sequence()) throw list.error("expected a list such as [1, 0, 1]");
  std::vector<std::uint8_t> train;
  train.reserve(list.size());
  for (const Cursor value : list) {
    const std::string_view word = value.text();
    const bool number = whole_number(word).has_value();
    train.push_back(number ? *whole_number(word) != 0 : value.boolean());
  }
  return train;
}

/// Which of a neuron's units an attribute is meant for.
enum class Scope : std::uint8_t { all, soma, synapse, dendrite };

/// Sets attributes of neurons one by one; knows all that docs/sanafe.md lists.
class AttributeReader {
 public:
  explicit AttributeReader(NetworkDraft& draft) : draft_(draft) {}

  void read(const Fields& fields, Attributes& to, Scope scope = Scope::all) {
    for (const Cursor& field : fields.all()) {
      const bool known =
          (scope == Scope::all && set_general(field, to)) ||
          ((scope == Scope::all || scope == Scope::soma) && set_soma(field, to.parameters, to)) ||
          ((scope == Scope::all || scope == Scope::dendrite) && set_dendrite(field, to)) ||
          set_without_effect(field);
      if (!known) refuse(field);
    }
  }

 private:
  bool set_general(const Cursor& field, Attributes& to) {
    const std::string_view key = field.key();
    if (key == "soma_hw_name") {
      to.names.soma = field.text();
    } else if (key == "synapse_hw_name") {
      to.names.synapse = field.text();
    } else if (key == "dendrite_hw_name") {
      to.names.dendrite = field.text();
    } else if (key == "soma") {
      read(Fields(field), to, Scope::soma);
    } else if (key == "synapse") {
      read(Fields(field), to, Scope::synapse);
    } else if (key == "dendrite") {
      read(Fields(field), to, Scope::dendrite);
    } else {
      return false;
    }
    return true;
  }

  bool set_soma(const Cursor& field, NeuronParameters& to, Attributes& all) {
    const std::string_view key = field.key();
    if (key == "bias") {
      all.bias = real_of(field);
    } else if (key == "threshold") {
      to.threshold = real_of(field);
    } else if (key == "reset") {
      to.reset = real_of(field);
    } else if (key == "leak_decay") {
      to.leak_decay = real_of(field);
    } else if (key == "reverse_threshold") {
      to.reverse_threshold = real_of(field);
    } else if (key == "reverse_reset") {
      to.reverse_reset = real_of(field);
    } else if (key == "reset_mode") {
      to.reset_mode = reset_mode(field);
    } else if (key == "reverse_reset_mode") {
      to.reverse_reset_mode = reset_mode(field);
    } else if (key == "refractory_delay") {
      to.refractory_delay = static_cast<std::uint32_t>(field.integer(0, 1U << 30));
    } else if (key == "force_update" || key == "force_update_every_timestep") {
      to.force_update = field.boolean();
    } else {
      return set_truenorth(field, to) || set_input(field, to);
    }
    return true;
  }

  static bool set_truenorth(const Cursor& field, NeuronParameters& to) {
    const std::string_view key = field.key();
    if (key == "leak") {
      to.leak = real_of(field);
    } else if (key == "leak_towards_zero") {
      to.leak_towards_zero = field.boolean();
    } else if (key == "random_mask") {
      to.random_mask = static_cast<std::uint32_t>(field.integer(0, 0x7fffffff));
    } else {
      return false;
    }
    return true;
  }

  bool set_input(const Cursor& field, NeuronParameters& to) {
    const std::string_view key = field.key();
    if (key == "rate") {
      to.rate = field.real(0, 1);
    } else if (key == "poisson") {
      to.poisson = field.real(0, 1);
    } else if (key == "spikes") {
      to.spike_train = static_cast<std::uint32_t>(draft_.network.spike_trains.size());
      draft_.network.spike_trains.push_back(spike_train(field));
    } else {
      return false;
    }
    return true;
  }

  static bool set_dendrite(const Cursor& field, Attributes& to) {
    const std::string_view key = field.key();
    if (key == "taps") {
      to.taps = field.integer(1, max_taps);
    } else if (key == "time_constants") {
      to.time_constants = reals(field);
    } else if (key == "space_constants") {
      to.space_constants = reals(field);
    } else {
      return false;
    }
    to.taps_place = field;
    return true;
  }

  /// Traces that we do not write, and switches that act on no model we have.
  static bool set_without_effect(const Cursor& field) {
    for (const char* key : {"log_spikes", "log_potential", "log_v", "log_u", "force_update",
                            "force_soma_update", "force_synapse_update", "force_dendrite_update"}) {
      if (field.key() != key) continue;
      (void)field.boolean();
      return true;
    }
    if (field.key() != "connections_out") return false;
    (void)field.integer(0, 1ULL << 40);
    return true;
  }

  [[noreturn]] static void refuse(const Cursor& field) {
    check_keys({field},
               {"soma_hw_name",
                "synapse_hw_name",
                "dendrite_hw_name",
                "soma",
                "synapse",
                "dendrite",
                "bias",
                "threshold",
                "reset",
                "leak_decay",
                "reverse_threshold",
                "reverse_reset",
                "reset_mode",
                "reverse_reset_mode",
                "refractory_delay",
                "force_update",
                "leak",
                "leak_towards_zero",
                "random_mask",
                "rate",
                "poisson",
                "spikes",
                "taps",
                "time_constants",
                "space_constants",
                "log_spikes",
                "log_potential",
                "log_u"},
               {{"noise", "noise streams are not simulated"},
                {"noise_bits", "noise streams are not simulated"},
                {"force_potential", "is not documented, and not simulated"}});
    throw field.error("not an attribute of this unit");
  }

  NetworkDraft& draft_;
};

/// Turns attributes into parameters, each distinct set kept once.
class Interner {
 public:
  explicit Interner(NetworkDraft& draft) : draft_(draft) {}

  std::uint32_t parameters(Attributes& of) {
    if (of.taps_place) of.parameters.dendrite = taps(of);
    return id(parameters_, draft_.network.parameters, of.parameters);
  }

  std::uint32_t names(const UnitNames& of) {
    const auto same = [&](const UnitNames& other) {
      return other.synapse == of.synapse && other.dendrite == of.dendrite && other.soma == of.soma;
    };
    if (last_name_ < draft_.names.size() && same(draft_.names[last_name_])) return last_name_;
    const std::tuple key{of.synapse, of.dendrite, of.soma};
    const auto [entry, added] =
        names_.try_emplace(key, static_cast<std::uint32_t>(draft_.names.size()));
    if (added) draft_.names.push_back(of);
    return last_name_ = entry->second;
  }

 private:
  std::uint32_t taps(const Attributes& of) {
    TapsParameters line{.time_constants = of.time_constants, .space_constants = of.space_constants};
    if (line.time_constants.empty()) line.time_constants.assign(of.taps, 0.0);
    if (line.space_constants.empty()) line.space_constants.assign(of.taps - 1, 0.0);
    if (line.time_constants.size() != of.taps) {
      throw of.taps_place->error(fmt::format("{} taps need as many time constants, got {}", of.taps,
                                             line.time_constants.size()));
    }
    if (line.space_constants.size() != of.taps - 1) {
      throw of.taps_place->error(fmt::format("{} taps need {} space constants, got {}", of.taps,
                                             of.taps - 1, line.space_constants.size()));
    }
    return id(taps_, draft_.network.dendrites, line);
  }

  template <class Value>
  static std::uint32_t id(std::map<Value, std::uint32_t>& ids, std::vector<Value>& all,
                          const Value& value) {
    if (!all.empty() && all.back() == value) return static_cast<std::uint32_t>(all.size() - 1);
    const auto [entry, added] = ids.try_emplace(value, static_cast<std::uint32_t>(all.size()));
    if (added) all.push_back(value);
    return entry->second;
  }

  NetworkDraft& draft_;
  std::map<NeuronParameters, std::uint32_t> parameters_;
  std::map<TapsParameters, std::uint32_t> taps_;
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, std::uint32_t> names_;
  std::uint32_t last_name_ = 0;
};

/// One entry of `neurons:`: a range alone, or with attributes.
struct NeuronEntry {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::optional<Cursor> attributes;
};

NeuronEntry neuron_entry(const Cursor& element) {
  const bool bare = element.is_scalar();
  if (!bare && (!element.is_map() || element.size() != 1)) {
    throw element.error("expected neurons such as 0..9, or 0..9: {attributes}");
  }
  const Cursor entry = bare ? element : *element.begin();
  const auto [first, count] = index_range(entry, bare ? element.text() : entry.key());
  if (first + std::uint64_t{count} > max_neurons) {
    throw entry.error(fmt::format("more than {} neurons", max_neurons), ErrorKind::capacity);
  }
  return {.first = first, .count = count, .attributes = bare ? std::nullopt : std::optional(entry)};
}

std::vector<Cursor> entries_of(const Cursor& neurons) {
  if (!neurons.is_sequence() || neurons.size() == 0) {
    throw neurons.error("expected a list with at least one neuron");
  }
  return neurons.list();
}

class GroupReader {
 public:
  explicit GroupReader(NetworkDraft& draft) : draft_(draft), attributes_(draft), interner_(draft) {}

  void read(const Cursor& block) {
    check_keys(block.list(), {"name", "attributes", "neurons"});
    const Cursor name = block.at("name");
    const auto id = static_cast<std::uint32_t>(draft_.network.groups.size());
    if (!draft_.group_ids.try_emplace(name.text(), id).second) {
      throw name.error(fmt::format("two groups are called '{}'", name.text()));
    }
    Attributes common;
    if (const auto attributes = block.find("attributes")) {
      attributes_.read(Fields(*attributes), common);
    }
    const std::vector<Cursor> entries = entries_of(block.at("neurons"));
    Group group{.name = std::string(name.text()), .first = draft_.network.neurons(), .size = 0};
    std::uint64_t size = 0;
    for (const Cursor& entry : entries) size += neuron_entry(entry).count;
    if (group.first + size > max_neurons) {
      throw block.error(fmt::format("more than {} neurons", max_neurons), ErrorKind::capacity);
    }
    group.size = static_cast<std::uint32_t>(size);
    draft_.network.parameters_of.resize(group.first + group.size, no_index);
    draft_.network.bias.resize(group.first + group.size);
    draft_.names_of.resize(group.first + group.size);
    for (const Cursor& entry : entries) read_neurons(entry, group, common);
    draft_.network.groups.push_back(std::move(group));
  }

 private:
  void read_neurons(const Cursor& element, const Group& group, const Attributes& common) {
    const NeuronEntry entry = neuron_entry(element);
    if (entry.first + entry.count > group.size) {
      throw element.error(fmt::format("neurons must be numbered 0..{} without gaps, got {}",
                                      group.size - 1, entry.first + entry.count - 1));
    }
    Attributes own = common;
    if (entry.attributes) attributes_.read(Fields(*entry.attributes), own);
    const std::uint32_t parameters = interner_.parameters(own);
    const std::uint32_t names = interner_.names(own.names);
    for (std::uint32_t i = 0; i < entry.count; ++i) {
      const std::uint32_t neuron = group.first + entry.first + i;
      if (draft_.network.parameters_of[neuron] != no_index) {
        throw element.error(fmt::format("neuron {} stands twice", entry.first + i));
      }
      draft_.network.parameters_of[neuron] = parameters;
      draft_.network.bias[neuron] = own.bias;
      draft_.names_of[neuron] = names;
    }
  }

  NetworkDraft& draft_;
  AttributeReader attributes_;
  Interner interner_;
};

}  // namespace

void read_groups(const Cursor& groups, NetworkDraft& draft) {
  if (!groups.is_sequence() || groups.size() == 0) {
    throw groups.error("expected a list with at least one group");
  }
  GroupReader reader(draft);
  for (const Cursor block : groups) reader.read(block);
}

}  // namespace nj::sanafe

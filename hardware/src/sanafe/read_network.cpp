#include "read_network.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/core/yaml.hpp"

namespace nj::sanafe {

namespace {

Network read(const TextTree& tree, const Architecture& chip) {
  const Cursor network = tree.root().at("network");  // other sections: ignored, as they say
  check_keys(network.list(), {"name", "groups", "edges"});
  NetworkDraft draft{.chip = chip, .network = {}, .group_ids = {}, .names = {}, .names_of = {}};
  if (const auto name = network.find("name")) draft.network.name = name->text();
  read_groups(network.at("groups"), draft);
  read_mappings(tree.root().at("mappings"), draft);
  if (const auto edges = network.find("edges"); edges && !edges->is_null()) {
    read_edges(*edges, draft);
  }
  return std::move(draft.network);
}

}  // namespace

std::string Network::neuron_name(std::uint32_t neuron) const {
  const auto group =
      std::prev(std::upper_bound(groups.begin(), groups.end(), neuron,
                                 [](std::uint32_t id, const Group& g) { return id < g.first; }));
  return fmt::format("{}.{}", group->name, neuron - group->first);
}

SomaModel NetworkDraft::soma_model(std::uint32_t neuron) const {
  const Placement& placement = network.placements[neuron];
  return chip.core(placement.core).somas[placement.soma].model;
}

NetworkDraft::Neurons NetworkDraft::find(const Cursor& place, std::string_view word) const {
  if (const auto whole = group_ids.find(word); whole != group_ids.end()) {
    return {whole->second, 0, network.groups[whole->second].size, true};
  }
  // A name may hold dots itself: the first dot with a group's name before it divides.
  for (std::size_t dot = word.find('.'); dot != std::string_view::npos;
       dot = word.find('.', dot + 1)) {
    const auto group = group_ids.find(word.substr(0, dot));
    if (group == group_ids.end()) continue;
    const auto [first, count] = index_range(place, word.substr(dot + 1));
    const std::uint32_t size = network.groups[group->second].size;
    if (first >= size || count > size - first) {
      throw place.error(fmt::format("group '{}' has neurons 0..{}, got {}", word.substr(0, dot),
                                    size - 1, word.substr(dot + 1)));
    }
    return {group->second, first, count, false};
  }
  const std::string_view name = word.substr(0, word.find('.'));
  std::vector<std::string> known;
  for (const Group& group : network.groups) known.push_back(group.name);
  const auto nearest = did_you_mean(name, known);
  throw place.error(nearest ? fmt::format("no group '{}', did you mean '{}'?", name, *nearest)
                            : fmt::format("no group '{}'", name));
}

Network load_network(const std::filesystem::path& file, const Architecture& chip) {
  return read(TextTree::load(file), chip);
}

Network read_network(std::string_view text, std::string_view name, const Architecture& chip) {
  return read(TextTree::parse(std::string(text), std::string(name)), chip);
}

}  // namespace nj::sanafe

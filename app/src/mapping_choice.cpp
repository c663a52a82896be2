#include "mapping_choice.hpp"

#include <limits>

#include <fmt/format.h>

#include "neurojoule/core/yaml_text.hpp"

namespace nj {

MappingChoice read_mapping_choice(const YamlNode& node) {
  MappingChoice choice;
  const auto slices = node.find("slices");
  const auto placement = node.find("placement");
  const auto seed = node.find("seed");
  const auto effort = node.find("effort");
  const auto chip_link = node.find("chip_link");
  const auto fixed = node.find("fixed");
  const auto file = node.find("file");
  const auto misfit = node.find("misfit");
  if (fixed && file) throw file->error("does not go with a mapping that stands here (fixed)");
  if (fixed || file) {
    if (slices) throw slices->error("a given mapping is not cut");
    for (const auto& found : {placement, seed, effort, chip_link, misfit}) {
      if (found) throw found->error("a given mapping is not placed");
    }
  }
  if (fixed) choice.fixed = read_fixed_mapping(*fixed);
  if (file) {
    choice.file = file->text();
    if (choice.file.empty()) throw file->error("expected the path of a mapping file");
  }
  if (slices) {
    choice.slices = slices->one_of<Slicing>({{to_string(Slicing::fewest), Slicing::fewest},
                                             {to_string(Slicing::fastest), Slicing::fastest}});
  }
  if (placement) {
    choice.placement.strategy =
        placement->one_of<Placement>({{to_string(Placement::in_order), Placement::in_order},
                                      {to_string(Placement::greedy), Placement::greedy},
                                      {to_string(Placement::annealing), Placement::annealing},
                                      {to_string(Placement::partition), Placement::partition}});
  }
  if (misfit) {
    choice.skips_misfits = misfit->one_of<bool>({{"refuse", false}, {"skip", true}});
  }
  if (seed) {
    choice.placement.seed =
        static_cast<std::uint64_t>(seed->integer(0, std::numeric_limits<std::int64_t>::max()));
  }
  if (effort) {
    choice.placement.effort = static_cast<std::uint32_t>(effort->integer(1, max_placement_effort));
  }
  if (chip_link) {
    choice.placement.chip_link = static_cast<std::uint32_t>(chip_link->integer(1, max_chip_link));
  }
  return choice;
}

std::string to_yaml(const MappingChoice& choice) {
  if (choice.fixed) return "mapping:\n  fixed:\n" + to_yaml(*choice.fixed, 4);
  if (!choice.file.empty()) return fmt::format("mapping:\n  file: {}\n", yaml_quoted(choice.file));
  return fmt::format(
      "mapping:\n  slices: {}\n  placement: {}\n  seed: {}\n  effort: {}\n  chip_link: {}\n",
      to_string(choice.slices), to_string(choice.placement.strategy), choice.placement.seed,
      choice.placement.effort, choice.placement.chip_link);
}

}  // namespace nj

#include <fmt/format.h>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/run.hpp"
#include "neurojoule/app/search.hpp"
#include "neurojoule/models/layer_list.hpp"
#include "neurojoule/models/model_file.hpp"

#include "commands.hpp"

namespace nj {
namespace {

/// What a YAML file is, told by keys that only its kind has.
enum class FileKind { scenario, search, layers, chip, price_table };

FileKind kind_of(const std::filesystem::path& file) {
  const YamlDocument document = YamlDocument::load(file);
  const YamlNode root = document.root();
  if (root.find("entries")) return FileKind::price_table;
  if (root.find("topology") || root.find("schedule") || root.find("base")) return FileKind::chip;
  if (root.find("search")) return FileKind::search;
  if (root.find("model") || root.find("scenarios")) return FileKind::scenario;
  if (root.find("layers")) return FileKind::layers;
  throw root.error(
      "neither a scenario (model, or scenarios), nor a list of layers (layers), nor a chip "
      "(topology, schedule or base), nor a price table (entries)");
}

std::string check_scenario(const std::filesystem::path& file) {
  const Batch batch = read_batch(file, {});
  std::size_t misfits = 0;
  std::string fit;
  for (const BatchPoint& point : batch.points) {
    try {
      fit = fit_line(prepare(point.scenario));
    } catch (const MisfitError&) {
      if (!batch.is_batch || !point.scenario.chip->mapping.skips_misfits) throw;
      ++misfits;
    }
  }
  if (batch.is_batch) {
    return fmt::format("batch '{}' of {} points{}", batch.name, batch.points.size(),
                       misfits == 0 ? "" : fmt::format(", {} of which do not fit", misfits));
  }
  return fmt::format("scenario '{}'{}{}", batch.name, fit.empty() ? "" : ", ", fit);
}

std::string check_search(const std::filesystem::path& file) {
  const SearchScenario search = read_search(file, {});
  const SearchSize size = PreparedSearch(search, 0).size();
  return fmt::format("search '{}' of {} variables, {:.3g} candidates", search.scenario.name,
                     size.variables, static_cast<double>(size.candidates));
}

std::string check(const std::filesystem::path& file) {
  if (file.extension() == ".h5") {
    return fmt::format("model of {} layers", read_model_file(file).network.size());
  }
  switch (kind_of(file)) {
    case FileKind::scenario:
      return check_scenario(file);
    case FileKind::search:
      return check_search(file);
    case FileKind::layers:
      return fmt::format("network of {} layers", read_model_yaml(file).network.size());
    case FileKind::chip:
      return fmt::format("chip '{}'", load_chip(file, find_chip).spec().name);
    case FileKind::price_table:
      return fmt::format("price table '{}'", full_name(load_price_table(file, find_price_table)));
  }
  return "";
}

}  // namespace

int CheckCommand::execute() const {
  fmt::print("{}: valid {}\n", file.string(), checked_input([&] { return check(file); }));
  return exit_done;
}

}  // namespace nj

#include <fmt/format.h>

#include "neurojoule/app/check.hpp"
#include "neurojoule/app/data_files.hpp"
#include "neurojoule/models/layer_list.hpp"
#include "neurojoule/models/model_file.hpp"

#include "commands.hpp"
#include "file_kind.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

/// What a file is; adds the files of samples that are not there.
std::string check_scenario(const fs::path& file, const std::vector<std::string>& overrides,
                           std::vector<fs::path>& absent) {
  const Batch batch = read_batch(file, overrides);
  std::size_t misfits = 0;
  std::string fit;
  for (const BatchPoint& point : batch.points) {
    try {
      const CheckedScenario checked = check(point.scenario);
      fit = fit_line(checked.prepared);
      add_absent(absent, checked.absent);
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

std::string check_search(const fs::path& file, const std::vector<std::string>& overrides,
                         std::vector<fs::path>& absent) {
  const SearchScenario search = read_search(file, overrides);
  const CheckedSearch checked = check(search);
  add_absent(absent, checked.scenario.absent);
  return fmt::format("search '{}' of {}", search.scenario.name, to_string(checked.size));
}

std::string check_file(const fs::path& file, const std::vector<std::string>& overrides,
                       std::vector<fs::path>& absent) {
  const bool is_model = file.extension() == ".h5";
  const FileKind kind = is_model ? FileKind::layers : file_kind(file);
  if (!overrides.empty() && kind != FileKind::scenario && kind != FileKind::search) {
    throw Error(ErrorKind::config, "--set replaces values of scenarios and searches",
                {.file = file.string()});
  }
  if (is_model) {
    return fmt::format("model of {} layers", read_model_file(file).network.size());
  }
  switch (kind) {
    case FileKind::scenario:
      return check_scenario(file, overrides, absent);
    case FileKind::search:
      return check_search(file, overrides, absent);
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
  std::vector<fs::path> absent;
  const std::string what = checked_input([&] { return check_file(file, overrides, absent); });
  fmt::print("{}: valid {}\n{}", file.string(), what, absent_lines(absent));
  return exit_done;
}

}  // namespace nj

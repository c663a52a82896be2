#include "scenario_chip.hpp"

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/chip_file.hpp"

#include "located_file.hpp"

namespace nj {

YamlDocument load_chip_document(const Scenario& scenario) {
  const ChipRun& run = *scenario.chip;
  if (!run.written) {
    return load_chip_document(
        located_data_file(DataKind::chip, run.chip, run.chip_location, scenario.directory),
        find_chip);
  }
  YamlDocument document = YamlDocument::of(*run.written);
  resolve_chip(document, scenario.file, find_chip);
  return document;
}

}  // namespace nj

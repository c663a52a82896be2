#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "neurojoule/hardware/sanafe_simulate.hpp"

namespace nj {

/// What a summary says besides the results.
struct SanafeRunInfo {
  std::string architecture;
  std::string network;
  sanafe::Timing timing{};
};

std::string_view to_string(sanafe::Timing timing);

/// `summary.json`: totals; joules and seconds.
std::string sanafe_summary_json(const SanafeRunInfo& info, const sanafe::SimulationResult& result);

/// `steps.csv`: a line per time step, columns named as in the summary.
std::string sanafe_steps_csv(const sanafe::SimulationResult& result);

/// The quantities of SANA-FE's own summary, for the terminal.
std::string sanafe_table(const SanafeRunInfo& info, const sanafe::SimulationResult& result);

/// Writes both files into a folder that exists. Throws: Error(io).
void write_sanafe_results(const SanafeRunInfo& info, const sanafe::SimulationResult& result,
                          const std::filesystem::path& directory);

}  // namespace nj

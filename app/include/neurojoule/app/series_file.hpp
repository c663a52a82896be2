#pragma once

#include <filesystem>
#include <memory>

#include "neurojoule/app/run.hpp"

namespace nj {

inline constexpr int series_format_version = 1;

/// series.h5 while a run fills it: what the chip did in every global step (of an array: turn;
/// without barriers: phase) of each chip sample. docs/scenario.md has the layout.
///
/// It grows sample by sample under another name, and needs room for one sample; without `finish`
/// nothing is left of it.
class SeriesFile {
 public:
  /// `prepared` has a chip and outlives the file. Throws: Error(io).
  SeriesFile(const PreparedRun& prepared, const std::filesystem::path& file);
  ~SeriesFile();
  SeriesFile(SeriesFile&&) noexcept;
  SeriesFile& operator=(SeriesFile&&) noexcept;

  /// The next sample, as RunOptions::simulated gets it. Throws: Error(io).
  void add(const SimulationResult& sample, const Activity& activity);
  /// Puts the file in its place; `result` is what the run gave. Throws: Error(io).
  void finish(const RunResult& result);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nj

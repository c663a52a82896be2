#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "neurojoule/datasets/dataset.hpp"

namespace nj {

/// What an export wrote.
struct FrameExport {
  std::uint64_t samples = 0;
  std::uint64_t events = 0;
  std::uint64_t saturated_events = 0;  ///< events beyond the largest frame value
};

/// Writes the frames of all samples as compressed HDF5, so that training sees what simulation sees:
/// `frames` uint8 `[N, T, 2, H, W]` (C order, channel 0 OFF, 1 ON), `labels` uint8 `[N]`, and the
/// root attributes `dataset` (the spec as YAML), `seed`, `events`, `saturated_events`.
/// Equal bytes at any number of threads (0: all of the machine); memory does not grow with N.
/// `progress` is called by the calling thread with the samples done; what it throws ends the
/// export. Throws: Error(io); Error(unsupported) for encoded images,
/// frames, and a label above 255; then no file is left.
FrameExport export_frames(
    const Dataset& dataset, const std::filesystem::path& file, unsigned threads,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress = {});

}  // namespace nj

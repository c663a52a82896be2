#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"

#include "row_bands.hpp"

namespace nj {

/// What one time step of a train, or a part of it, holds.
struct StepTotals {
  std::uint64_t spikes = 0;     ///< values that are not zero
  std::uint64_t magnitude = 0;  ///< sum of |value|
  std::int16_t least = 0;       ///< of the values and 0
  std::int16_t most = 0;

  StepTotals& operator+=(const StepTotals& other);
};

/// As `count` of spike_tensor.hpp, with the machine's population count.
StepTotals step_totals(const SpikeTrain& train, std::uint32_t t);
/// Of some rows (see row_bands).
StepTotals band_totals(const SpikeTrain& train, std::uint32_t t, const RowBand& band);

/// Bits that are set, with the machine's population count.
std::uint64_t count_words(std::span<const std::uint64_t> words);

/// The words of a train's step that hold the bits of a band.
std::span<const std::uint64_t> words_of(const SpikeTensor& spikes, std::uint32_t t,
                                        const RowBand& band);

}  // namespace nj

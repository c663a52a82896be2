// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "train_totals.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <span>

#include "packed_bits.hpp"
#include "train_totals.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {

std::uint64_t count_all(std::span<const std::uint64_t> words) { return count_bits(words); }

/// Plain loops, which the compiler makes vectors of.
StepTotals total_values(std::span<const std::int16_t> values) {
  constexpr std::size_t piece = std::size_t{1} << 15;  // whose sums fit 32 bits
  StepTotals totals;
  for (std::size_t begin = 0; begin < values.size(); begin += piece) {
    std::uint32_t spikes = 0;
    std::uint32_t magnitude = 0;
    std::int16_t least = 0;
    std::int16_t most = 0;
    for (const std::int16_t v : values.subspan(begin, std::min(piece, values.size() - begin))) {
      spikes += v != 0 ? 1U : 0U;
      magnitude += static_cast<std::uint32_t>(v < 0 ? -v : v);
      least = std::min(least, v);
      most = std::max(most, v);
    }
    totals += {spikes, magnitude, least, most};
  }
  return totals;
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(count_all);
HWY_EXPORT(total_values);

StepTotals& StepTotals::operator+=(const StepTotals& other) {
  spikes += other.spikes;
  magnitude += other.magnitude;
  least = std::min(least, other.least);
  most = std::max(most, other.most);
  return *this;
}

std::span<const std::uint64_t> words_of(const SpikeTensor& spikes, std::uint32_t t,
                                        const RowBand& band) {
  const std::uint64_t row_bits = std::uint64_t{spikes.shape().width} * spikes.shape().channels;
  const std::uint64_t first = band.begin * row_bits / 64;
  return spikes.step(t).subspan(first, (band.end * row_bits + 63) / 64 - first);
}

std::uint64_t count_words(std::span<const std::uint64_t> words) {
  return HWY_DYNAMIC_DISPATCH(count_all)(words);
}

StepTotals band_totals(const SpikeTrain& train, std::uint32_t t, const RowBand& band) {
  if (const auto* graded = std::get_if<GradedTensor>(&train)) {
    const std::uint64_t row = std::uint64_t{graded->shape().width} * graded->shape().channels;
    return HWY_DYNAMIC_DISPATCH(total_values)(
        graded->step(t).subspan(band.begin * row, (band.end - band.begin) * row));
  }
  const std::uint64_t spikes = count_words(words_of(std::get<SpikeTensor>(train), t, band));
  return {spikes, spikes, 0, static_cast<std::int16_t>(spikes != 0)};
}

StepTotals step_totals(const SpikeTrain& train, std::uint32_t t) {
  return band_totals(train, t, {0, shape_of(train).height, 0});
}

}  // namespace nj
#endif  // HWY_ONCE

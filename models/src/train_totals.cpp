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
    std::int32_t sum = 0;
    std::uint32_t magnitude = 0;
    for (const std::int16_t v : values.subspan(begin, std::min(piece, values.size() - begin))) {
      spikes += v != 0 ? 1U : 0U;
      sum += v;
      magnitude += static_cast<std::uint32_t>(v < 0 ? -v : v);
    }
    totals.spikes += spikes;
    totals.sum += sum;
    totals.magnitude += magnitude;
  }
  return totals;
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(count_all);
HWY_EXPORT(total_values);

StepTotals step_totals(const SpikeTrain& train, std::uint32_t t) {
  if (const auto* graded = std::get_if<GradedTensor>(&train)) {
    return HWY_DYNAMIC_DISPATCH(total_values)(graded->step(t));
  }
  const auto spikes = HWY_DYNAMIC_DISPATCH(count_all)(std::get<SpikeTensor>(train).step(t));
  return {spikes, static_cast<std::int64_t>(spikes), spikes};
}

}  // namespace nj
#endif  // HWY_ONCE

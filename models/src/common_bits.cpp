// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
// The instruction that counts bits comes with this set, which Highway leaves out unless asked.
#define HWY_WANT_AVX3_DL 1
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common_bits.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <bit>

#include "input_moments.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<std::uint64_t>;
using V = hn::Vec<D>;

std::uint32_t total(V counts) {
  return static_cast<std::uint32_t>(hn::GetLane(hn::SumOfLanes(D(), counts)));
}

void count_common(const std::uint64_t* one, const std::uint64_t* others, std::size_t count,
                  std::size_t words, std::size_t stride, std::uint32_t* result) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const auto common = [&](const std::uint64_t* other, std::size_t w) {
    return hn::PopulationCount(hn::And(hn::LoadU(d, one + w), hn::LoadU(d, other + w)));
  };
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const std::uint64_t* const first = others + i * stride;
    V a = hn::Zero(d);
    V b = hn::Zero(d);
    V c = hn::Zero(d);
    V e = hn::Zero(d);
    for (std::size_t w = 0; w < words; w += lanes) {
      a = hn::Add(a, common(first, w));
      b = hn::Add(b, common(first + stride, w));
      c = hn::Add(c, common(first + 2 * stride, w));
      e = hn::Add(e, common(first + 3 * stride, w));
    }
    result[i] = total(a);
    result[i + 1] = total(b);
    result[i + 2] = total(c);
    result[i + 3] = total(e);
  }
  for (; i < count; ++i) {
    V a = hn::Zero(d);
    for (std::size_t w = 0; w < words; w += lanes) a = hn::Add(a, common(others + i * stride, w));
    result[i] = total(a);
  }
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(count_common);

void common_bits(const std::uint64_t* one, const std::uint64_t* others, std::size_t count,
                 std::size_t words, std::size_t stride, std::uint32_t* result) {
  HWY_DYNAMIC_DISPATCH(count_common)(one, others, count, words, stride, result);
}

void common_bits_ref(const std::uint64_t* one, const std::uint64_t* others, std::size_t count,
                     std::size_t words, std::size_t stride, std::uint32_t* result) {
  for (std::size_t i = 0; i < count; ++i) {
    result[i] = 0;
    for (std::size_t w = 0; w < words; ++w) {
      result[i] += static_cast<std::uint32_t>(std::popcount(one[w] & others[i * stride + w]));
    }
  }
}

}  // namespace nj
#endif  // HWY_ONCE

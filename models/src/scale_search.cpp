// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scale_search.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cmath>
#include <limits>

#include "scale_search.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using V = hn::Vec<D>;
using Weights = std::span<const float>;
constexpr std::size_t lanes = hn::MaxLanes(D());
constexpr std::size_t side_by_side = 2 * lanes;  // scales
constexpr std::size_t look_every = 64;           // weights

// Rules: the integers nearest to `x` = w / scale, as `Levels` and `OffsetLevels` choose them. The
// integers of -w are those of w with the other sign, so that the squared errors are the same.

/// The sum with the number next to 0.5 reaches the next integer at .5 and never before: below a
/// half, what is missing is at least a unit in the last place of x. With 0.5 the sum of that
/// number itself would round up to 1.
constexpr double below_half = 0x1.fffffffffffffp-2;

struct UniformRule {
  V largest;
  static double operand(float w) { return std::fabs(double{w}); }
  HWY_INLINE V operator()(V x) const {
    return hn::Trunc(hn::Add(hn::Min(x, largest), hn::Set(D(), below_half)));
  }
};

/// Half a unit of the exponent's last place rounds a mantissa of 1.5 and more up.
struct PowersRule {
  V largest;
  static double operand(float w) { return std::fabs(double{w}); }
  HWY_INLINE V operator()(V x) const {
    const D d;
    const hn::RebindToUnsigned<D> bits;
    x = hn::Min(x, largest);
    const auto half = hn::Set(bits, std::uint64_t{1} << 51);
    const auto exponent = hn::Set(bits, std::uint64_t{0xFFF} << 52);
    const V power = hn::BitCast(d, hn::And(hn::Add(hn::BitCast(bits, x), half), exponent));
    return hn::IfThenElseZero(hn::Ge(x, hn::Set(d, 0.5)), hn::Max(power, hn::Set(d, 1.0)));
  }
};

struct TableRule {
  V largest;
  const double* by_half_units;
  static double operand(float w) { return std::fabs(double{w}); }
  HWY_INLINE V operator()(V x) const {
    const D d;
    const hn::RebindToSigned<D> integers;
    // A sum with 2^52 has the whole number in its lowest bits.
    const V halves = hn::Trunc(hn::Mul(hn::Min(x, largest), hn::Set(d, 2.0)));
    const auto index = hn::And(hn::BitCast(integers, hn::Add(halves, hn::Set(d, 0x1p52))),
                               hn::Set(integers, 0xFFFFFF));
    return hn::GatherIndex(d, by_half_units, index);
  }
};

struct OffsetRule {
  V least;
  V most;
  static double operand(float w) { return double{w}; }
  HWY_INLINE V operator()(V x) const {
    const V nearest = hn::Floor(hn::Add(x, hn::Set(D(), 0.5)));
    return hn::Min(hn::Max(nearest, least), most);
  }
};

struct Best {
  double scale = 0.0;
  double error = std::numeric_limits<double>::infinity();
};

/// Sums the errors of `side_by_side` scales, or stops where none of them can be the best.
template <class Rule>
void try_scales(Weights weights, const Rule& rule, const double* scales, Best& best) {
  const D d;
  const V scale_a = hn::Load(d, scales);
  const V scale_b = hn::Load(d, scales + lanes);
  const V inverse_a = hn::Div(hn::Set(d, 1.0), scale_a);
  const V inverse_b = hn::Div(hn::Set(d, 1.0), scale_b);
  const V bound = hn::Set(d, best.error);
  V sum_a = hn::Zero(d);
  V sum_b = hn::Zero(d);
  for (std::size_t begin = 0; begin < weights.size(); begin += look_every) {
    const std::size_t end = std::min(begin + look_every, weights.size());
    for (std::size_t i = begin; i < end; ++i) {
      const V w = hn::Set(d, Rule::operand(weights[i]));
      const V a = hn::Sub(w, hn::Mul(scale_a, rule(hn::Mul(w, inverse_a))));
      const V b = hn::Sub(w, hn::Mul(scale_b, rule(hn::Mul(w, inverse_b))));
      sum_a = hn::Add(sum_a, hn::Mul(a, a));
      sum_b = hn::Add(sum_b, hn::Mul(b, b));
    }
    // Sums of squares never fall.
    if (hn::AllTrue(d, hn::And(hn::Gt(sum_a, bound), hn::Gt(sum_b, bound)))) return;
  }
  HWY_ALIGN double errors[side_by_side];
  hn::Store(sum_a, d, errors);
  hn::Store(sum_b, d, errors + lanes);
  for (std::size_t i = 0; i < side_by_side; ++i) {
    if (errors[i] < best.error || (errors[i] == best.error && scales[i] > best.scale)) {
      best = {scales[i], errors[i]};
    }
  }
}

/// A few scales from end to end first, so that most others are soon known to be worse.
template <class Rule>
double search(Weights weights, const Rule& rule, double widest) {
  Best best{widest};
  const auto try_from = [&](int first, int stride) {
    HWY_ALIGN double scales[side_by_side];
    for (std::size_t i = 0; i < side_by_side; ++i) {
      scales[i] = clipped(widest, std::max(first - static_cast<int>(i) * stride, least_clip));
    }
    try_scales(weights, rule, scales, best);
  };
  try_from(clip_steps, (clip_steps - least_clip) / (static_cast<int>(side_by_side) - 1));
  for (int r = clip_steps; r >= least_clip; r -= static_cast<int>(side_by_side)) try_from(r, 1);
  return best.scale;
}

double search_levels(Weights weights, const Levels& levels, double widest) {
  const V largest = hn::Set(D(), static_cast<double>(levels.largest()));
  if (levels.uniform()) return search(weights, UniformRule{largest}, widest);
  if (levels.powers()) return search(weights, PowersRule{largest}, widest);
  return search(weights, TableRule{largest, levels.by_half_units().data()}, widest);
}

double search_offset_levels(Weights weights, const OffsetLevels& levels, double widest) {
  const OffsetRule rule{hn::Set(D(), static_cast<double>(levels.least())),
                        hn::Set(D(), static_cast<double>(levels.most()))};
  return search(weights, rule, widest);
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(search_levels);
HWY_EXPORT(search_offset_levels);

double least_error_scale(std::span<const float> weights, const Levels& levels, double widest) {
  return HWY_DYNAMIC_DISPATCH(search_levels)(weights, levels, widest);
}
double least_error_scale(std::span<const float> weights, const OffsetLevels& levels,
                         double widest) {
  return HWY_DYNAMIC_DISPATCH(search_offset_levels)(weights, levels, widest);
}

}  // namespace nj
#endif  // HWY_ONCE

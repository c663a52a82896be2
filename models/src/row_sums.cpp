// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "row_sums.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>

#include "packed_bits.hpp"
#include "row_sums.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load_row(D d, const std::int16_t* row) {
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(std::int16_t)) {
    return hn::LoadU(d, row);
  } else {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<std::int16_t, D>(), row));
  }
}

template <class D, class Sum>
HWY_INLINE void store_sum(D d, hn::Vec<D> sum, Sum* sums) {
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(Sum)) {
    hn::StoreU(sum, d, sums);
  } else {
    std::int16_t lanes[hn::MaxLanes(D())];
    hn::StoreU(sum, d, lanes);
    std::copy(lanes, lanes + hn::MaxLanes(d), sums);
  }
}

/// `piece` columns, in registers of type `Inner` while all rows pass.
template <std::size_t piece, class Inner, class Sum>
HWY_INLINE void sum_piece(const std::int16_t* rows, std::size_t width,
                          std::span<const std::uint64_t> bits, Sum* sums) {
  const hn::CappedTag<Inner, piece> d;
  constexpr std::size_t lanes = hn::MaxLanes(d);
  constexpr std::size_t vectors = piece / lanes;
  hn::Vec<decltype(d)> sum[vectors];
  for (auto& vector : sum) vector = hn::Zero(d);
  for_each_bit(bits, [&](std::size_t b) {
    const std::int16_t* const row = rows + b * width;
    for (std::size_t v = 0; v < vectors; ++v) {
      sum[v] = hn::Add(sum[v], load_row(d, row + v * lanes));
    }
  });
  for (std::size_t v = 0; v < vectors; ++v) store_sum(d, sum[v], sums + v * lanes);
}

template <std::size_t piece, class Inner, class Sum>
HWY_INLINE void sum_columns(const RowChoices& choices, std::size_t column,
                            std::span<const std::uint64_t> bits, Sum* sums) {
  if (column >= choices.kept) return;
  const std::int16_t* const rows = choices.rows + column;
  if (column + piece <= choices.kept) {
    return sum_piece<piece, Inner>(rows, choices.width, bits, sums + column);
  }
  Sum all[piece];
  sum_piece<piece, Inner>(rows, choices.width, bits, all);
  std::copy(all, all + (choices.kept - column), sums + column);
}

template <class Inner, class Sum>
void sum_choices(const RowChoices& choices, Sum* sums) {
  const std::size_t count = choices.bits.size() / choices.words;
  for (std::size_t k = 0; k < count; ++k, sums += choices.stride) {
    const auto bits = choices.bits.subspan(k * choices.words, choices.words);
    std::size_t column = 0;
    for (; column + 64 <= choices.width; column += 64) {
      sum_columns<64, Inner>(choices, column, bits, sums);
    }
    for (; column < choices.width; column += 16) {
      sum_columns<16, Inner>(choices, column, bits, sums);
    }
  }
}

void sum_int16(const RowChoices& choices, std::int16_t* sums) {
  sum_choices<std::int16_t>(choices, sums);
}
void sum_int32(const RowChoices& choices, std::int32_t* sums) {
  choices.narrow ? sum_choices<std::int16_t>(choices, sums)
                 : sum_choices<std::int32_t>(choices, sums);
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(sum_int16);
HWY_EXPORT(sum_int32);

void sum_rows(const RowChoices& choices, std::int16_t* sums) {
  HWY_DYNAMIC_DISPATCH(sum_int16)(choices, sums);
}
void sum_rows(const RowChoices& choices, std::int32_t* sums) {
  HWY_DYNAMIC_DISPATCH(sum_int32)(choices, sums);
}

}  // namespace nj
#endif  // HWY_ONCE

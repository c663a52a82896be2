#include "joined_slices.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <tuple>
#include <utility>

namespace nj {
namespace {

struct Side {
  std::uint32_t LayerSlice::*begin;
  std::uint32_t LayerSlice::*end;
};
constexpr std::array<Side, 3> sides{{{&LayerSlice::channel_begin, &LayerSlice::channel_end},
                                     {&LayerSlice::row_begin, &LayerSlice::row_end},
                                     {&LayerSlice::column_begin, &LayerSlice::column_end}}};

/// Joins slices that follow each other along a side and are the same along the others; returns
/// whether there were any.
bool join_along(std::size_t side, std::vector<LayerSlice>& slices) {
  const Side& along = sides[side];
  const auto across = [side](const LayerSlice& slice) {
    const Side& one = sides[(side + 1) % sides.size()];
    const Side& other = sides[(side + 2) % sides.size()];
    return std::tuple(slice.*one.begin, slice.*one.end, slice.*other.begin, slice.*other.end);
  };
  std::sort(slices.begin(), slices.end(), [&](const LayerSlice& a, const LayerSlice& b) {
    return std::tuple(across(a), a.*along.begin) < std::tuple(across(b), b.*along.begin);
  });
  std::vector<LayerSlice> joined;
  for (const LayerSlice& slice : slices) {
    if (!joined.empty() && across(joined.back()) == across(slice) &&
        joined.back().*along.end == slice.*along.begin) {
      joined.back().*along.end = slice.*along.end;
    } else {
      joined.push_back(slice);
    }
  }
  std::swap(slices, joined);
  return slices.size() < joined.size();
}

void join(std::vector<LayerSlice>& slices) {
  std::size_t in_vain = 0;
  for (std::size_t side = 0; in_vain < sides.size(); side = (side + 1) % sides.size()) {
    in_vain = join_along(side, slices) ? 0 : in_vain + 1;
  }
}

}  // namespace

void join_slices(std::vector<LayerSlice>& slices, std::vector<std::uint32_t>& groups,
                 std::span<const FeatureShape> shapes) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<LayerSlice>> shared;
  for (std::size_t s = 0; s < slices.size(); ++s) {
    shared[{slices[s].population, groups[s]}].push_back(slices[s]);
  }
  std::vector<std::pair<LayerSlice, std::uint32_t>> all;
  for (auto& [key, some] : shared) {
    join(some);
    for (LayerSlice& slice : some) {
      const bool whole_rows =
          slice.column_begin == 0 && slice.column_end == shapes[slice.population].width;
      if (whole_rows) slice.column_end = LayerSlice::all_columns;
      all.emplace_back(slice, key.second);
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    const auto order = [](const LayerSlice& slice) {
      return std::tuple(slice.population, slice.row_begin, slice.column_begin, slice.channel_begin);
    };
    return order(a.first) < order(b.first);
  });
  slices.clear();
  groups.clear();
  for (const auto& [slice, group] : all) {
    slices.push_back(slice);
    groups.push_back(group);
  }
}

}  // namespace nj

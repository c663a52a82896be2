#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"

#include "convolution.hpp"

// First and second moments of what a layer multiplies by its weights: exact integers.
namespace nj {

/// Sums over windows: all output positions and time steps of all samples. A feature is a place of a
/// weight, in the order [in / groups, ky, kx]; outside the map it is 0.
struct InputMoments {
  std::size_t groups = 1;
  std::size_t features = 0;  ///< of a group
  std::uint64_t windows = 0;
  std::vector<std::int64_t> sums;      ///< [groups, features]
  std::vector<std::int64_t> products;  ///< [groups, features, features], symmetric

  InputMoments() = default;
  InputMoments(std::size_t group_count, std::size_t feature_count)
      : groups(group_count),
        features(feature_count),
        sums(group_count * feature_count),
        products(group_count * feature_count * feature_count) {}
};

/// The trains of a layer's samples.
struct TrainList {
  std::size_t count = 0;
  std::function<const SpikeTrain&(std::size_t sample)> at;
};

/// Counts the moments of trains whose values lie in [min_value, max_value]. Values are taken apart
/// into bits, the sign bit included, so that each product is the number of windows in which two
/// bits are set.
InputMoments count_moments(const ConvolutionGeometry& geometry, std::int32_t min_value,
                           std::int32_t max_value, const TrainList& trains, unsigned threads);

/// Bits that are set in `one` and in each of `count` rows behind `others`, in their first `words`
/// words, a multiple of 8; the rows are `stride` words apart.
void common_bits(const std::uint64_t* one, const std::uint64_t* others, std::size_t count,
                 std::size_t words, std::size_t stride, std::uint32_t* result);
void common_bits_ref(const std::uint64_t* one, const std::uint64_t* others, std::size_t count,
                     std::size_t words, std::size_t stride, std::uint32_t* result);

}  // namespace nj

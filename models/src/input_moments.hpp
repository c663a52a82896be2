#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/aligned_vector.hpp"

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

/// Counts the moments of trains. Values are taken apart into bits, the sign bit included, so that
/// each product is the number of windows in which two bits are set.
class MomentCounter {
 public:
  /// Values of the trains lie in [min_value, max_value].
  MomentCounter(const ConvolutionGeometry& geometry, std::int32_t min_value, std::int32_t max_value,
                unsigned threads);

  void add(const SpikeTrain& train);
  /// The moments of all trains so far.
  InputMoments finish();

 private:
  void add_step(const SpikeTrain& train, std::uint32_t t);
  void flush();
  [[nodiscard]] std::int64_t weight_of_plane(std::size_t plane) const;
  std::uint64_t* row(std::size_t group, std::size_t feature, std::size_t plane) {
    return rows_.data() + ((group * features_ + feature) * planes_ + plane) * row_words;
  }

  /// Words of a row: windows whose bits are held at once.
  static constexpr std::size_t row_words = 64;

  ConvolutionGeometry geometry_;
  unsigned threads_;
  std::size_t features_;
  std::size_t planes_;
  bool is_signed_;
  std::size_t filled_ = 0;             ///< windows in the rows
  AlignedVector<std::uint64_t> rows_;  ///< [groups, features, planes, row_words]
  InputMoments moments_;
};

/// Bits that are set in `one` and in each of `count` rows behind `others`, all of `words` words;
/// the rows are `words` apart.
void common_bits(const std::uint64_t* one, const std::uint64_t* others, std::size_t count,
                 std::size_t words, std::uint32_t* result);
void common_bits_ref(const std::uint64_t* one, const std::uint64_t* others, std::size_t count,
                     std::size_t words, std::uint32_t* result);

}  // namespace nj

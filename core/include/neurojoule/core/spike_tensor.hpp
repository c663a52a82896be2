#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "neurojoule/core/feature_shape.hpp"
#include "neurojoule/core/unwritten_vector.hpp"

namespace nj {

/// How many bits are set. In parallel within each word: std::popcount is a call on processors that
/// may lack the instruction.
[[nodiscard]] inline std::uint64_t count_bits(std::span<const std::uint64_t> words) {
  constexpr std::uint64_t pairs = 0x5555555555555555;
  constexpr std::uint64_t nibbles = 0x3333333333333333;
  constexpr std::uint64_t bytes = 0x0F0F0F0F0F0F0F0F;
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t bits = 0;
  for (std::uint64_t word : words) {
    word -= (word >> 1) & pairs;
    word = (word & nibbles) + ((word >> 2) & nibbles);
    bits += (((word + (word >> 4)) & bytes) * ones) >> 56;
  }
  return bits;
}

/// Binary spikes of one population over time, bit-packed and time-major: `[T, H, W, C]`.
///
/// Each time step starts on a 64-bit word; bit `address % 64` of word `address / 64` is the neuron
/// at that address (see FeatureShape). Padding bits are zero. Iteration is in address order.
class SpikeTensor {
 public:
  SpikeTensor() = default;
  SpikeTensor(std::uint32_t timesteps, FeatureShape shape);
  /// For callers that write every word themselves, padding included, each in the thread that will
  /// read it: the words have no value yet.
  static SpikeTensor unwritten(std::uint32_t timesteps, FeatureShape shape);

  [[nodiscard]] std::uint32_t timesteps() const { return timesteps_; }
  [[nodiscard]] const FeatureShape& shape() const { return shape_; }
  [[nodiscard]] std::size_t words_per_step() const { return words_per_step_; }

  [[nodiscard]] std::span<const std::uint64_t> step(std::uint32_t t) const {
    return std::span(words_).subspan(t * words_per_step_, words_per_step_);
  }
  [[nodiscard]] std::span<std::uint64_t> step(std::uint32_t t) {
    return std::span(words_).subspan(t * words_per_step_, words_per_step_);
  }
  [[nodiscard]] bool test(std::uint32_t t, std::uint64_t address) const {
    return ((step(t)[address / 64] >> (address % 64)) & 1U) != 0;
  }
  void set(std::uint32_t t, std::uint64_t address) {
    step(t)[address / 64] |= std::uint64_t{1} << (address % 64);
  }

  /// Spikes in one step, and in all steps.
  [[nodiscard]] std::uint64_t count(std::uint32_t t) const;
  [[nodiscard]] std::uint64_t count() const;
  /// Spikes per neuron and time step, 0..1; 0 for an empty tensor.
  [[nodiscard]] double density() const;

  /// Calls `visit(address, value)` for every spike of a step in address order; value is 1.
  template <class Visit>
  void for_each(std::uint32_t t, Visit&& visit) const {
    const auto words = step(t);
    for (std::size_t w = 0; w < words.size(); ++w) {
      for (std::uint64_t rest = words[w]; rest != 0; rest &= rest - 1) {
        visit(w * 64 + static_cast<std::uint64_t>(std::countr_zero(rest)), std::int16_t{1});
      }
    }
  }

  /// Calls `visit(address, value)` for every spike of a step at addresses [first, last), in their
  /// order; value is 1.
  template <class Visit>
  void for_each_in(std::uint32_t t, std::uint64_t first, std::uint64_t last, Visit&& visit) const {
    const auto words = step(t);
    for (std::uint64_t w = first / 64; w * 64 < last; ++w) {
      std::uint64_t rest = words[w];
      if (w * 64 < first) rest &= ~std::uint64_t{0} << (first % 64);
      if (last - w * 64 < 64) rest &= (std::uint64_t{1} << (last % 64)) - 1;
      for (; rest != 0; rest &= rest - 1) {
        visit(w * 64 + static_cast<std::uint64_t>(std::countr_zero(rest)), std::int16_t{1});
      }
    }
  }

  friend bool operator==(const SpikeTensor&, const SpikeTensor&) = default;

 private:
  std::uint32_t timesteps_ = 0;
  FeatureShape shape_;
  std::size_t words_per_step_ = 0;
  UnwrittenVector<std::uint64_t> words_;
};

/// Small integers ("graded spikes"): input frames and residual streams, `[T, H, W, C]`.
class GradedTensor {
 public:
  GradedTensor() = default;
  GradedTensor(std::uint32_t timesteps, FeatureShape shape);
  /// As SpikeTensor::unwritten.
  static GradedTensor unwritten(std::uint32_t timesteps, FeatureShape shape);

  [[nodiscard]] std::uint32_t timesteps() const { return timesteps_; }
  [[nodiscard]] const FeatureShape& shape() const { return shape_; }

  [[nodiscard]] std::span<const std::int16_t> step(std::uint32_t t) const {
    return std::span(values_).subspan(t * shape_.neurons(), shape_.neurons());
  }
  [[nodiscard]] std::span<std::int16_t> step(std::uint32_t t) {
    return std::span(values_).subspan(t * shape_.neurons(), shape_.neurons());
  }

  /// Non-zero values in one step, and in all steps.
  [[nodiscard]] std::uint64_t count(std::uint32_t t) const;
  [[nodiscard]] std::uint64_t count() const;
  /// Non-zero values per neuron and time step, 0..1; 0 for an empty tensor.
  [[nodiscard]] double density() const;
  /// The smallest and the largest value; 0 for an empty tensor.
  [[nodiscard]] std::int16_t min() const;
  [[nodiscard]] std::int16_t max() const;

  /// Calls `visit(address, value)` for every non-zero value of a step in address order.
  template <class Visit>
  void for_each(std::uint32_t t, Visit&& visit) const {
    for_each_in(t, 0, shape_.neurons(), visit);
  }

  /// The same at addresses [first, last).
  template <class Visit>
  void for_each_in(std::uint32_t t, std::uint64_t first, std::uint64_t last, Visit&& visit) const {
    const auto values = step(t);
    for (std::uint64_t a = first; a < last; ++a) {
      if (values[a] != 0) visit(a, values[a]);
    }
  }

  friend bool operator==(const GradedTensor&, const GradedTensor&) = default;

 private:
  std::uint32_t timesteps_ = 0;
  FeatureShape shape_;
  UnwrittenVector<std::int16_t> values_;
};

/// What one layer sends: binary or graded spikes.
using SpikeTrain = std::variant<SpikeTensor, GradedTensor>;

/// Non-zero values in one step / in all steps; shape; visit in address order.
std::uint64_t count(const SpikeTrain& train, std::uint32_t t);
std::uint64_t count(const SpikeTrain& train);
const FeatureShape& shape_of(const SpikeTrain& train);
std::uint32_t timesteps_of(const SpikeTrain& train);

template <class Visit>
void for_each(const SpikeTrain& train, std::uint32_t t, Visit&& visit) {
  std::visit([&](const auto& tensor) { tensor.for_each(t, visit); }, train);
}

}  // namespace nj

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/aligned_vector.hpp"

#include "row_bands.hpp"
#include "train_totals.hpp"

// Sums of a convolution for a block of output positions and all time steps of one sample.
//
// Blocks are independent, so they may run in parallel; their size changes no bit of any result.
namespace nj {

/// A convolution and the maps it connects. A linear layer on tokens is the 1 x 1 case.
struct ConvolutionGeometry {
  std::uint32_t in_channels = 0;
  std::uint32_t out_channels = 0;
  std::uint32_t groups = 1;
  std::uint32_t kernel_y = 1;
  std::uint32_t kernel_x = 1;
  std::uint32_t stride_y = 1;
  std::uint32_t stride_x = 1;
  std::uint32_t padding_y = 0;
  std::uint32_t padding_x = 0;
  std::uint32_t dilation_y = 1;
  std::uint32_t dilation_x = 1;
  std::uint32_t in_height = 1;
  std::uint32_t in_width = 1;
  std::uint32_t out_height = 1;
  std::uint32_t out_width = 1;

  /// Input channels that one output channel sees, and output channels that see one input channel.
  [[nodiscard]] std::uint32_t group_inputs() const { return in_channels / groups; }
  [[nodiscard]] std::uint32_t group_outputs() const { return out_channels / groups; }
  /// Weight rows of one group: kernel_y * kernel_x * group_inputs().
  [[nodiscard]] std::uint64_t group_rows() const {
    return std::uint64_t{kernel_y} * kernel_x * group_inputs();
  }
  [[nodiscard]] std::uint64_t out_positions() const {
    return std::uint64_t{out_height} * out_width;
  }
};

/// Bytes of a line: what one weight row holds of one tile of output channels.
inline constexpr std::uint32_t line_bytes = 64;

/// How a train of integers is listed: each event with its value, or, where that makes sums faster,
/// a value n as n events of value 1. The latter changes no integer sum.
enum class EventList : std::uint8_t { with_values, fastest };

/// How many events, and inputs that are not zero, are before one.
struct EventRank {
  std::uint32_t event = 0;
  std::uint32_t input = 0;
};

/// The events of all time steps of a train, sorted by step, group of channels and position.
class InputEvents {
 public:
  /// Elements behind a run that may be read: runs are copied in pieces.
  static constexpr std::size_t copy_piece = 32;

  /// Consecutive events of one step, group and map row.
  struct Run {
    const std::uint32_t* offsets = nullptr;  ///< (x * group channels + channel) * line_bytes
    const std::int16_t* values = nullptr;    ///< nullptr for binary trains
    std::size_t count = 0;
  };

  /// `groups` divides the train's channels; see `event_groups`. Bands of rows are listed in
  /// parallel; of several groups, steps. `totals`: those of the train's bands, [band, t], or none.
  /// Throws: Error(capacity) when there are 2^32 events or more, or a map row is too long.
  InputEvents(const SpikeTrain& train, std::uint32_t groups, unsigned threads = 1,
              EventList list = EventList::with_values, std::span<const StepTotals> totals = {});

  [[nodiscard]] std::uint32_t timesteps() const { return timesteps_; }
  [[nodiscard]] std::uint32_t groups() const { return groups_; }
  /// Whether events have values; those of a listed value n are ones.
  [[nodiscard]] bool graded() const { return graded_; }
  /// The smallest and the largest value of the train, with 0 between: 0 and 1 for binary trains.
  [[nodiscard]] std::int32_t min_value() const { return min_value_; }
  [[nodiscard]] std::int32_t max_value() const { return max_value_; }
  /// Inputs that are not zero, and events, which may be more.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t listed() const { return listed_; }

  /// The events at x_begin <= x < x_end of map row `y`.
  [[nodiscard]] Run run(std::uint32_t t, std::uint32_t group, std::uint32_t y,
                        std::uint32_t x_begin, std::uint32_t x_end) const {
    const std::uint32_t* const cells = first(t, group) + std::size_t{y} * width_;
    return {offsets() + cells[x_begin], graded_ ? values() + cells[x_begin] : nullptr,
            cells[x_end] - cells[x_begin]};
  }
  /// Index of the first event at each position; the next entry is its end.
  [[nodiscard]] const std::uint32_t* first(std::uint32_t t, std::uint32_t group) const {
    return first_.get() + (std::size_t{t} * groups_ + group) * cells();
  }
  /// The same of inputs that are not zero, where each may be several events; else `first`.
  [[nodiscard]] const std::uint32_t* first_input(std::uint32_t t, std::uint32_t group) const {
    return inputs_ ? inputs_.get() + std::size_t{t} * cells() : first(t, group);
  }
  [[nodiscard]] const std::uint32_t* offsets() const { return offsets_.get(); }
  [[nodiscard]] const std::int16_t* values() const { return values_.get(); }
  [[nodiscard]] std::uint32_t width() const { return width_; }

 private:
  /// Entries of `first_` for one step and group: all positions and their end.
  [[nodiscard]] std::size_t cells() const { return std::size_t{height_} * width_ + 1; }
  /// Lists the events of a map row at `out`, and the ranks of its positions, of which `rank` is the
  /// first; returns the rank behind them.
  EventRank list_row(const SpikeTrain& train, std::uint32_t t, std::uint32_t y, EventRank rank,
                     std::uint32_t* out);
  /// `list` is a buffer.
  void list_band(const SpikeTrain& train, std::uint32_t t, const RowBand& band, EventRank rank,
                 EventRank end, std::vector<std::uint32_t>& list);
  void list_by_group(const SpikeTrain& train, std::uint32_t t, std::uint32_t place);

  std::uint32_t timesteps_ = 0;
  std::uint32_t groups_ = 1;
  std::uint32_t height_ = 1;
  std::uint32_t width_ = 1;
  std::uint32_t group_channels_ = 1;
  bool graded_ = false;
  std::int32_t min_value_ = 0;
  std::int32_t max_value_ = 0;
  std::unique_ptr<std::uint32_t[]> offsets_;
  std::unique_ptr<std::int16_t[]> values_;
  std::uint64_t count_ = 0;
  std::uint64_t listed_ = 0;
  std::unique_ptr<std::uint32_t[]> first_;   ///< [t, group, y, x]; after each group its end
  std::unique_ptr<std::uint32_t[]> inputs_;  ///< [t, y, x] where a value n is n events, else null
};

/// Weights of one layer, laid out for the kernels.
///
/// Tiles of output channels, each a line per weight row: 64 channels of 8 bits where every |weight|
/// is at most 127 and there are more than 32, 32 channels of 16 bits, or 16 channels of float32.
/// Byte 2 k of an 8-bit line is channel k and byte 2 k + 1 channel 32 + k, so that the two halves
/// of 16-bit lanes are runs of channels; the even bytes hold weight + max_weight(), which is never
/// negative. Layers with few channels per group (depthwise) keep plain rows instead.
class ConvolutionWeights {
 public:
  enum class Kind : std::uint8_t { byte_lines, word_lines, float_lines, plain, plain_float };

  /// `weights`: [out, in / groups, ky, kx], |value| <= 32767.
  /// Throws: Error(shape) when the number of weights is wrong, Error(capacity) when a tile exceeds
  /// 4 GiB.
  ConvolutionWeights(const ConvolutionGeometry& geometry, std::span<const std::int16_t> weights);
  ConvolutionWeights(const ConvolutionGeometry& geometry, std::span<const float> weights);

  [[nodiscard]] const ConvolutionGeometry& geometry() const { return geometry_; }
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_float() const {
    return kind_ == Kind::float_lines || kind_ == Kind::plain_float;
  }
  /// Largest |weight|.
  [[nodiscard]] std::int32_t max_weight() const { return max_weight_; }
  /// No sum, whole or partial, of inputs in [min_value, max_value] exceeds this magnitude.
  [[nodiscard]] std::int64_t bound(std::int32_t min_value, std::int32_t max_value) const;
  /// The list that `convolve` takes.
  [[nodiscard]] EventList event_list() const {
    const bool sums_integers = kind_ == Kind::byte_lines || kind_ == Kind::word_lines;
    return sums_integers ? EventList::fastest : EventList::with_values;
  }
  /// Whether `convolve` may write 16-bit sums for these events.
  [[nodiscard]] bool fits_int16(const InputEvents& events) const;

  /// Channels of a tile; the lines of a group's first tile; bytes from tile to tile.
  [[nodiscard]] std::size_t tile_channels() const;
  [[nodiscard]] const std::byte* lines(std::uint32_t group) const {
    return lines_.data() + group * tiles_ * tile_bytes_;
  }
  [[nodiscard]] std::size_t tile_bytes() const { return tile_bytes_; }
  /// How many weights are sure to fit an 8-bit sum.
  [[nodiscard]] std::uint32_t byte_block() const {
    return max_weight_ == 0 ? 127 : 127 / static_cast<std::uint32_t>(max_weight_);
  }
  /// Plain rows: [ky, kx, in_channels, group_outputs].
  [[nodiscard]] const std::vector<std::int16_t>& plain() const { return plain_; }
  [[nodiscard]] const std::vector<float>& plain_float() const { return plain_float_; }

 private:
  void measure(std::span<const std::int16_t> weights);

  ConvolutionGeometry geometry_;
  Kind kind_ = Kind::byte_lines;
  std::int32_t max_weight_ = 0;
  std::int64_t positive_ = 0;  ///< largest sum over an output channel of its positive weights
  std::int64_t negative_ = 0;  ///< the same of the magnitudes of its negative weights
  std::size_t tiles_ = 0;      ///< of one group
  std::size_t tile_bytes_ = 0;
  AlignedVector<std::byte> lines_;
  std::vector<std::int16_t> plain_;
  std::vector<float> plain_float_;
};

/// The groups that `InputEvents` must be sorted by for a layer: its own, or 1 where groups are so
/// narrow that channels stay together.
std::uint32_t event_groups(const ConvolutionGeometry& geometry);

/// The events that one output position sees in one step, as a piece of a list of row offsets.
struct Window {
  std::uint32_t begin = 0;
  std::uint32_t count = 0;
  std::uint32_t row = 0;  ///< of the sums
};

/// Consecutive events that a position sees, in any step.
struct PositionRun {
  std::uint32_t cell_begin = 0;  ///< map positions
  std::uint32_t cell_end = 0;
  std::uint32_t shift = 0;  ///< from an event's offset to its line, modulo 2^32
};

/// Buffers of `convolve`; one per thread, reused from call to call.
struct ConvolutionScratch {
  std::vector<PositionRun> runs;
  std::vector<Window> unsorted;
  std::vector<Window> windows;
  std::vector<std::uint32_t> counts;
  std::vector<std::uint32_t> offsets;
  std::vector<std::int16_t> values;
};

/// Sums of the output positions [begin, end) (row-major) in all time steps:
/// sums[(t * (end - begin) + p - begin) * padded(out_channels) + c]. Adds to `rows[t]` how many
/// weight rows step t added; each stands for group_outputs() synaptic events. Padding is
/// unspecified. 16-bit sums need `weights.fits_int16(events)`; 32-bit sums must fit as proven by
/// `bound`. Float sums are added in the order of (ky, kx, input channel).
void convolve(const ConvolutionWeights& weights, const InputEvents& events, std::size_t begin,
              std::size_t end, ConvolutionScratch& scratch, std::int16_t* sums,
              std::span<std::uint64_t> rows);
void convolve(const ConvolutionWeights& weights, const InputEvents& events, std::size_t begin,
              std::size_t end, ConvolutionScratch& scratch, std::int32_t* sums,
              std::span<std::uint64_t> rows);
void convolve(const ConvolutionWeights& weights, const InputEvents& events, std::size_t begin,
              std::size_t end, ConvolutionScratch& scratch, float* sums,
              std::span<std::uint64_t> rows);

/// The same from the plain tensor, one input at a time.
void convolve_ref(const ConvolutionGeometry& geometry, std::span<const std::int16_t> weights,
                  const SpikeTrain& input, std::size_t begin, std::size_t end, std::int32_t* sums,
                  std::span<std::uint64_t> rows);
void convolve_ref(const ConvolutionGeometry& geometry, std::span<const float> weights,
                  const SpikeTrain& input, std::size_t begin, std::size_t end, float* sums,
                  std::span<std::uint64_t> rows);

}  // namespace nj

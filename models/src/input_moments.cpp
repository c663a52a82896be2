#include "input_moments.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <span>

#include "neurojoule/core/parallel.hpp"
#include "neurojoule/models/aligned_vector.hpp"

namespace nj {
namespace {

/// Words of a row: 64 windows each, whose bits are held at once.
constexpr std::size_t row_words = 128;
/// Rows are counted in pieces of so many words.
constexpr std::size_t word_step = 8;

/// Windows of one sample: whole maps of several time steps, or a part of one map.
struct Piece {
  std::size_t sample = 0;
  std::uint32_t t_begin = 0;
  std::uint32_t t_end = 0;
  std::uint64_t begin = 0;  ///< positions
  std::uint64_t end = 0;
  std::size_t word = 0;  ///< where its windows start in the rows

  [[nodiscard]] std::uint64_t windows() const { return (t_end - t_begin) * (end - begin); }
  [[nodiscard]] std::size_t words() const {
    return static_cast<std::size_t>((windows() + 63) / 64);
  }
};

/// The windows of all steps of a train, in pieces that fit a row.
void append_pieces(std::size_t sample, std::uint32_t timesteps, std::uint64_t positions,
                   std::vector<Piece>& pieces) {
  constexpr std::uint64_t capacity = row_words * 64;
  const auto steps =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(capacity / positions, 1, timesteps));
  for (std::uint32_t t = 0; t < timesteps; t += steps) {
    const std::uint32_t t_end = std::min(t + steps, timesteps);
    for (std::uint64_t begin = 0; begin < positions; begin += capacity) {
      pieces.push_back({sample, t, t_end, begin, std::min(begin + capacity, positions)});
    }
  }
}

/// A tap of the kernel through which an output position sees an input, along one axis.
struct Tap {
  std::uint32_t tap = 0;
  std::uint32_t position = 0;
};

/// By input place: the taps that see it.
std::vector<std::vector<Tap>> taps_of(std::uint32_t inputs, std::uint32_t kernel,
                                      std::uint32_t stride, std::uint32_t padding,
                                      std::uint32_t dilation, std::uint32_t outputs) {
  std::vector<std::vector<Tap>> taps(inputs);
  for (std::uint32_t in = 0; in < inputs; ++in) {
    for (std::uint32_t tap = 0; tap < kernel; ++tap) {
      const std::int64_t start = std::int64_t{in} + padding - std::int64_t{tap} * dilation;
      if (start < 0 || start % stride != 0 || start / stride >= outputs) continue;
      taps[in].push_back({tap, static_cast<std::uint32_t>(start / stride)});
    }
  }
  return taps;
}

class MomentCounter {
 public:
  MomentCounter(const ConvolutionGeometry& geometry, std::int32_t min_value, std::int32_t max_value,
                unsigned threads)
      : g_(geometry),
        threads_(threads),
        features_(geometry.group_rows()),
        is_signed_(min_value < 0),
        taps_y_(taps_of(g_.in_height, g_.kernel_y, g_.stride_y, g_.padding_y, g_.dilation_y,
                        g_.out_height)),
        taps_x_(taps_of(g_.in_width, g_.kernel_x, g_.stride_x, g_.padding_x, g_.dilation_x,
                        g_.out_width)),
        moments_(geometry.groups, features_) {
    const auto magnitude = static_cast<std::uint32_t>(std::max({max_value, -min_value - 1, 1}));
    planes_ = static_cast<std::size_t>(std::bit_width(magnitude)) + (is_signed_ ? 1 : 0);
    rows_.resize(g_.groups * features_ * planes_ * row_words);
    if (keeps_size()) seen_ = windows_inside();
  }

  /// Fills the rows with as many pieces as fit and counts them, from piece `next` on.
  std::size_t count(std::vector<Piece>& pieces, std::size_t next, const TrainList& trains) {
    const std::size_t first = next;
    std::size_t words = 0;
    while (next < pieces.size() && words + pieces[next].words() <= row_words) {
      pieces[next].word = words;
      words += pieces[next].words();
      moments_.windows += pieces[next].windows();
      ++next;
    }
    parallel_for(next - first, 1, threads_, [&](std::size_t i, std::size_t) {
      fill(pieces[first + i], trains.at(pieces[first + i].sample));
    });
    add_products((words + word_step - 1) / word_step * word_step);
    std::fill(rows_.begin(), rows_.end(), 0);
    return next;
  }

  InputMoments take() {
    for (std::size_t group = 0; group < g_.groups; ++group) {
      std::int64_t* const products = moments_.products.data() + group * features_ * features_;
      for (std::size_t f = 0; f < features_; ++f) {
        for (std::size_t e = 0; e < f; ++e) {
          products[e * features_ + f] = products[f * features_ + e];
        }
      }
    }
    return std::move(moments_);
  }

 private:
  void fill(const Piece& piece, const SpikeTrain& train) {
    if (!seen_.empty()) return fill_shifted(piece, train);
    for_each_input(piece, train,
                   [&](std::uint64_t first_window, const Place& at, std::uint16_t bits) {
                     set_windows(piece, first_window, at, bits);
                   });
  }

  /// Where an input lies.
  struct Place {
    std::size_t channel = 0;
    std::uint32_t y = 0;
    std::uint32_t x = 0;
  };

  /// Calls `visit(window of position 0, place, bits)` for each input of a piece's steps.
  template <class Visit>
  void for_each_input(const Piece& piece, const SpikeTrain& train, const Visit& visit) const {
    for (std::uint32_t t = piece.t_begin; t < piece.t_end; ++t) {
      const std::uint64_t first_window =
          (t - piece.t_begin) * (piece.end - piece.begin) - piece.begin;
      // Addresses ascend: the position of the next input is this one, or one behind it.
      std::uint64_t position = 0;
      Place at;
      nj::for_each(train, t, [&](std::uint64_t address, std::int16_t value) {
        while (address >= (position + 1) * g_.in_channels) {
          ++position;
          if (++at.x == g_.in_width) {
            at.x = 0;
            ++at.y;
          }
        }
        at.channel = address - position * g_.in_channels;
        visit(first_window, at, static_cast<std::uint16_t>(value));
      });
    }
  }

  // --- maps that keep their size: what a tap sees is the map, shifted
  // -----------------------------

  [[nodiscard]] bool keeps_size() const {
    return g_.stride_y == 1 && g_.stride_x == 1 && g_.out_height == g_.in_height &&
           g_.out_width == g_.in_width && g_.out_positions() <= row_words * 64;
  }

  void fill_shifted(const Piece& piece, const SpikeTrain& train) {
    const std::size_t words = piece.words();
    // [channel, plane, word], each with blank words before and behind that shifts may reach.
    const std::int64_t reach =
        std::max(std::abs(shift_of(0, 0)), std::abs(shift_of(g_.kernel_y - 1, g_.kernel_x - 1)));
    const auto blank = static_cast<std::size_t>(reach / 64 + 2);
    const std::size_t stride = words + 2 * blank;
    std::vector<std::uint64_t> images(g_.in_channels * planes_ * stride);
    for_each_input(piece, train,
                   [&](std::uint64_t first_window, const Place& at, std::uint16_t bits) {
                     const std::uint64_t window = first_window + at.y * g_.in_width + at.x;
                     std::uint64_t* const image =
                         images.data() + at.channel * planes_ * stride + blank + window / 64;
                     for (std::size_t plane = 0; plane < planes_; ++plane) {
                       image[plane * stride] |= static_cast<std::uint64_t>((bits >> plane) & 1)
                                                << (window % 64);
                     }
                   });
    const std::uint64_t last = ~std::uint64_t{0} >> (words * 64 - piece.windows());
    for (std::size_t image = 0; image < g_.in_channels * planes_; ++image) {
      const std::uint64_t* const from = images.data() + image * stride + blank;
      for (std::uint32_t ky = 0; ky < g_.kernel_y; ++ky) {
        for (std::uint32_t kx = 0; kx < g_.kernel_x; ++kx) {
          const std::size_t tap = ky * g_.kernel_x + kx;
          const std::size_t feature = image / planes_ * g_.kernel_y * g_.kernel_x + tap;
          std::uint64_t* const row =
              rows_.data() + (feature * planes_ + image % planes_) * row_words + piece.word;
          copy_shifted(from, shift_of(ky, kx), std::span(seen_).subspan(tap * row_words, words),
                       row);
          row[words - 1] &= last;
        }
      }
    }
  }

  /// Rows and columns between an output position and the input that a tap sees.
  [[nodiscard]] std::int64_t down(std::uint32_t ky) const {
    return std::int64_t{ky} * g_.dilation_y - g_.padding_y;
  }
  [[nodiscard]] std::int64_t right(std::uint32_t kx) const {
    return std::int64_t{kx} * g_.dilation_x - g_.padding_x;
  }

  /// Windows between the one that a tap belongs to and the one at the place of its input.
  [[nodiscard]] std::int64_t shift_of(std::uint32_t ky, std::uint32_t kx) const {
    return down(ky) * g_.in_width + right(kx);
  }

  /// By tap, the windows of a full row whose tap lies inside the map: [tap, row_words].
  [[nodiscard]] std::vector<std::uint64_t> windows_inside() const {
    const std::size_t taps = std::size_t{g_.kernel_y} * g_.kernel_x;
    std::vector<std::uint64_t> seen(taps * row_words);
    for (std::size_t tap = 0; tap < taps; ++tap) {
      const auto lines = down(static_cast<std::uint32_t>(tap / g_.kernel_x));
      const auto columns = right(static_cast<std::uint32_t>(tap % g_.kernel_x));
      for (std::uint64_t window = 0; window < row_words * 64; ++window) {
        const std::uint64_t position = window % g_.out_positions();
        const std::int64_t y = static_cast<std::int64_t>(position / g_.in_width) + lines;
        const std::int64_t x = static_cast<std::int64_t>(position % g_.in_width) + columns;
        const bool inside = y >= 0 && y < g_.in_height && x >= 0 && x < g_.in_width;
        seen[tap * row_words + window / 64] |= std::uint64_t{inside} << (window % 64);
      }
    }
    return seen;
  }

  /// Bit i of the row is bit i + shift of the image, where it is seen.
  static void copy_shifted(const std::uint64_t* image, std::int64_t shift,
                           std::span<const std::uint64_t> seen, std::uint64_t* row) {
    const std::int64_t whole = shift >= 0 ? shift / 64 : -((63 - shift) / 64);
    const auto part = static_cast<unsigned>(shift - whole * 64);
    const std::uint64_t* const low = image + whole;
    if (part == 0) {
      for (std::size_t i = 0; i < seen.size(); ++i) row[i] = low[i] & seen[i];
      return;
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
      row[i] = (low[i] >> part | low[i + 1] << (64 - part)) & seen[i];
    }
  }

  // --- any other geometry ------------------------------------------------------------------------

  /// Sets the bits of one input in all windows that see it.
  void set_windows(const Piece& piece, std::uint64_t first_window, const Place& at,
                   std::uint16_t bits) {
    // Groups follow each other.
    std::uint64_t* const rows =
        rows_.data() + at.channel * g_.kernel_y * g_.kernel_x * planes_ * row_words;
    for (const Tap& down : taps_y_[at.y]) {
      for (const Tap& right : taps_x_[at.x]) {
        const std::uint64_t position = std::uint64_t{down.position} * g_.out_width + right.position;
        if (position < piece.begin || position >= piece.end) continue;
        const std::uint64_t window = piece.word * 64 + first_window + position;
        std::uint64_t* const row =
            rows + (down.tap * g_.kernel_x + right.tap) * planes_ * row_words + window / 64;
        for (std::size_t plane = 0; plane < planes_; ++plane) {
          row[plane * row_words] |= static_cast<std::uint64_t>((bits >> plane) & 1)
                                    << (window % 64);
        }
      }
    }
  }

  [[nodiscard]] std::int64_t weight_of(std::size_t plane) const {
    const auto weight = std::int64_t{1} << plane;
    return is_signed_ && plane + 1 == planes_ ? -weight : weight;
  }

  /// Adds what the rows hold to the lower triangles.
  void add_products(std::size_t words) {
    for (std::size_t group = 0; group < g_.groups; ++group) {
      parallel_for(features_, 4, threads_, [&](std::size_t begin, std::size_t end) {
        std::vector<std::uint32_t> common(end * planes_);
        for (std::size_t f = begin; f < end; ++f) add_products_of(group, f, words, common);
      });
    }
  }
  void add_products_of(std::size_t group, std::size_t f, std::size_t words,
                       std::vector<std::uint32_t>& common) {
    const std::uint64_t* const rows = rows_.data() + group * features_ * planes_ * row_words;
    std::int64_t* const products = moments_.products.data() + (group * features_ + f) * features_;
    for (std::size_t plane = 0; plane < planes_; ++plane) {
      const std::uint64_t* const one = rows + (f * planes_ + plane) * row_words;
      common_bits(one, rows, (f + 1) * planes_, words, row_words, common.data());
      const std::int64_t weight = weight_of(plane);
      moments_.sums[group * features_ + f] += weight * common[f * planes_ + plane];
      for (std::size_t e = 0; e <= f; ++e) {
        std::int64_t sum = 0;
        for (std::size_t p = 0; p < planes_; ++p) sum += weight_of(p) * common[e * planes_ + p];
        products[e] += weight * sum;
      }
    }
  }

  const ConvolutionGeometry& g_;
  unsigned threads_;
  std::size_t features_;
  std::size_t planes_ = 1;
  bool is_signed_;
  std::vector<std::vector<Tap>> taps_y_;
  std::vector<std::vector<Tap>> taps_x_;
  std::vector<std::uint64_t> seen_;    ///< of maps that keep their size
  AlignedVector<std::uint64_t> rows_;  ///< [groups, features, planes, row_words]
  InputMoments moments_;
};

}  // namespace

InputMoments count_moments(const ConvolutionGeometry& geometry, std::int32_t min_value,
                           std::int32_t max_value, const TrainList& trains, unsigned threads) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < trains.count; ++i) {
    append_pieces(i, timesteps_of(trains.at(i)), geometry.out_positions(), pieces);
  }
  MomentCounter counter(geometry, min_value, max_value, threads);
  for (std::size_t next = 0; next < pieces.size();) next = counter.count(pieces, next, trains);
  return counter.take();
}

}  // namespace nj

// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "sanafe/kernels.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <bit>

#include "kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::sanafe::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D64 = hn::CappedTag<double, place_padding>;
using DI64 = hn::RebindToSigned<D64>;
using V64 = hn::Vec<D64>;
constexpr std::uint32_t lanes = hn::MaxLanes(D64());
constexpr std::uint32_t word_bits = 64;
constexpr double potential_steps = 64;  ///< per unit; potentials are cut to them

/// Bits of a mask, lane 0 lowest.
HWY_INLINE std::uint32_t bits_of(hn::Mask<D64> mask) {
  std::uint8_t bytes[8] = {};
  hn::StoreMaskBits(D64(), mask, bytes);
  return bytes[0];
}

/// The constants of a segment's neurons.
struct Leaky {
  V64 decay;  ///< times 64
  V64 threshold;
  V64 reset;
};

/// Neurons of one vector: new potentials, and which fire and which have nothing to update.
struct Outcome {
  V64 potential;
  std::uint32_t fired;
  std::uint32_t idle;
};

HWY_INLINE Outcome step(const Leaky& leaky, V64 before, V64 bias, V64 input) {
  const D64 d;
  const DI64 di;
  // 64 is a power of two: v * (64 * decay) is 64 * (v * decay), rounding included.
  const V64 leaked =
      hn::Mul(hn::Trunc(hn::Mul(before, leaky.decay)), hn::Set(d, 1.0 / potential_steps));
  const V64 sum = hn::Add(hn::Add(leaked, bias), input);
  const auto fires = hn::Gt(sum, leaky.threshold);
  // Potentials and biases are never -0: all bits are zero when all three have nothing.
  const V64 anything = hn::Or(hn::Or(before, bias), hn::Xor(input, hn::Set(d, no_input)));
  const auto idle = hn::Eq(hn::BitCast(di, anything), hn::Zero(di));
  return {hn::IfThenElse(fires, leaky.reset, sum), bits_of(fires),
          bits_of(hn::MaskFromVec(hn::BitCast(d, hn::VecFromMask(di, idle))))};
}

void run_leaky(const Segment& segment, const NeuronParameters& parameters, const NeuronRun& run) {
  const D64 d;
  const V64 none = hn::Set(d, no_input);
  const Leaky leaky = {hn::Set(d, parameters.leak_decay * potential_steps),
                       hn::Set(d, parameters.threshold), hn::Set(d, parameters.reset)};
  const double* HWY_RESTRICT bias = run.bias + segment.begin;
  double* HWY_RESTRICT input = run.input + segment.begin;
  double* HWY_RESTRICT potential = run.potential + segment.begin;
  const std::uint64_t forced = parameters.force_update ? ~std::uint64_t{0} : 0;
  for (std::uint32_t block = 0; block < segment.count; block += word_bits) {
    const std::uint32_t end = std::min(segment.count - block, word_bits);
    std::uint64_t fired = 0;
    std::uint64_t idle = 0;
    std::uint32_t i = 0;
    for (; i + lanes <= end; i += lanes) {
      const std::uint32_t at = block + i;
      const Outcome now = step(leaky, hn::LoadU(d, potential + at), hn::LoadU(d, bias + at),
                               hn::LoadU(d, input + at));
      hn::StoreU(now.potential, d, potential + at);
      hn::StoreU(none, d, input + at);
      fired |= std::uint64_t{now.fired} << i;
      idle |= std::uint64_t{now.idle} << i;
    }
    if (i < end) {  // the places behind belong to others
      const std::uint32_t at = block + i;
      const auto ours = hn::FirstN(d, end - i);
      const V64 before = hn::LoadU(d, potential + at);
      const V64 inputs = hn::LoadU(d, input + at);
      const Outcome now = step(leaky, before, hn::LoadU(d, bias + at), inputs);
      hn::StoreU(hn::IfThenElse(ours, now.potential, before), d, potential + at);
      hn::StoreU(hn::IfThenElse(ours, none, inputs), d, input + at);
      const std::uint64_t mask = (std::uint64_t{1} << (end - i)) - 1;
      fired |= (now.fired & mask) << i;
      idle |= (now.idle & mask) << i;
    }
    run.idle[segment.first_word + block / word_bits] = idle & ~fired & ~forced;
    for (; fired != 0; fired &= fired - 1) {
      run.fired->push_back(segment.begin + block +
                           static_cast<std::uint32_t>(std::countr_zero(fired)));
    }
  }
}

HWY_INLINE void add_weights(const double* weights, std::size_t count, double* target) {
  const D64 d;
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, target + i), hn::LoadU(d, weights + i)), d, target + i);
  }
  for (; i < count; ++i) target[i] += weights[i];
}

/// Output positions along one axis that an input position reaches: [first, end).
struct Reach {
  std::uint32_t first = 0;
  std::uint32_t end = 0;
};

HWY_INLINE Reach reach(std::uint32_t at, std::uint32_t kernel, std::uint32_t stride,
                       std::uint32_t outputs) {
  const std::uint32_t first = at < kernel ? 0 : (at - kernel) / stride + 1;
  return {first, std::min(outputs, at / stride + 1)};
}

void run_convolution(const ConvolutionKernel& kernel, std::uint32_t index, double* target) {
  const std::size_t channels = kernel.channels;
  const std::uint32_t area = kernel.input_width * kernel.input_height;
  const std::uint32_t y = index % area / kernel.input_width;
  const std::uint32_t x = index % kernel.input_width;
  const double* weights =
      kernel.weight.data() + std::size_t{index / area} * kernel.height * kernel.width * channels;
  const Reach rows = reach(y, kernel.height, kernel.stride_height, kernel.output_height);
  const Reach columns = reach(x, kernel.width, kernel.stride_width, kernel.output_width);
  for (std::uint32_t oy = rows.first; oy < rows.end; ++oy) {
    const std::size_t row = std::size_t{y - oy * kernel.stride_height} * kernel.width;
    for (std::uint32_t ox = columns.first; ox < columns.end; ++ox) {
      const std::size_t tap = row + (x - ox * kernel.stride_width);
      add_weights(weights + tap * channels, channels,
                  target + (std::size_t{oy} * kernel.output_width + ox) * channels);
    }
  }
}

void run_row(std::span<const double> weights, double* target) {
  add_weights(weights.data(), weights.size(), target);
}

}  // namespace nj::sanafe::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj::sanafe {

HWY_EXPORT(run_leaky);
HWY_EXPORT(run_convolution);
HWY_EXPORT(run_row);

bool is_plain(const NeuronParameters& parameters) {
  return parameters.reset_mode == ResetMode::hard &&
         parameters.reverse_reset_mode == ResetMode::none && parameters.refractory_delay <= 1;
}

void update_leaky(const Segment& segment, const NeuronParameters& parameters,
                  const NeuronRun& run) {
  HWY_DYNAMIC_DISPATCH(run_leaky)(segment, parameters, run);
}

ConvolutionKernel::ConvolutionKernel(const ConvolutionEdge& edge)
    : input_width(edge.input_width),
      input_height(edge.input_height),
      output_width(edge.output_width()),
      output_height(edge.output_height()),
      width(edge.kernel_width),
      height(edge.kernel_height),
      stride_width(edge.stride_width),
      stride_height(edge.stride_height),
      channels(edge.kernel_count),
      weight(edge.weight.size()) {
  const std::size_t taps = std::size_t{width} * height;
  for (std::size_t tap = 0; tap < taps; ++tap) {
    for (std::size_t in = 0; in < edge.input_channels; ++in) {
      const auto from = edge.weight.begin() +
                        static_cast<std::ptrdiff_t>((tap * edge.input_channels + in) * channels);
      std::copy_n(from, channels,
                  weight.begin() + static_cast<std::ptrdiff_t>((in * taps + tap) * channels));
    }
  }
}

void add_convolution(const ConvolutionKernel& kernel, std::uint32_t index, double* target) {
  HWY_DYNAMIC_DISPATCH(run_convolution)(kernel, index, target);
}

void add_row(std::span<const double> weights, double* target) {
  HWY_DYNAMIC_DISPATCH(run_row)(weights, target);
}

}  // namespace nj::sanafe
#endif  // HWY_ONCE

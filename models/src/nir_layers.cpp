#include "nir_layers.hpp"

#include <algorithm>

#include "nir_fields.hpp"

namespace nj::nir {
namespace {

/// One map of a convolution or a pooling, rows before columns; a line has height 1.
struct Window {
  std::uint64_t in_height = 1;
  std::uint64_t in_width = 1;
  std::uint64_t out_height = 1;
  std::uint64_t out_width = 1;
  std::array<std::uint64_t, 2> kernel = {1, 1};
  std::array<std::uint64_t, 2> stride = {1, 1};
  std::array<std::uint64_t, 2> padding = {0, 0};  ///< before the first row and column
  std::array<std::uint64_t, 2> dilation = {1, 1};

  /// Calls visit(ky, kx, input position) for what output (y, x) sees inside the map.
  template <class Visit>
  void visit(std::uint64_t y, std::uint64_t x, Visit&& visit) const {
    for (std::uint64_t ky = 0; ky < kernel[0]; ++ky) {
      const std::uint64_t row = y * stride[0] + ky * dilation[0];
      if (row < padding[0] || row - padding[0] >= in_height) continue;
      for (std::uint64_t kx = 0; kx < kernel[1]; ++kx) {
        const std::uint64_t column = x * stride[1] + kx * dilation[1];
        if (column < padding[1] || column - padding[1] >= in_width) continue;
        visit(ky, kx, (row - padding[0]) * in_width + column - padding[1]);
      }
    }
  }
};

/// Rows and columns that are put before a map.
template <class Padding>
std::uint64_t padding_before(const Padding& padding, std::size_t dimension, std::uint64_t kernel,
                             std::uint64_t dilation) {
  if (const auto* mode = std::get_if<NirPaddingMode>(&padding)) {
    return *mode == NirPaddingMode::same ? dilation * (kernel - 1) / 2 : 0;
  }
  return std::get<0>(padding)[dimension];
}

void convolve(const NirArray& weight, const NirArray& bias, std::uint64_t groups,
              const Window& window, std::span<const double> in, std::span<double> out) {
  const std::uint64_t channels = weight.shape[0];
  const std::uint64_t inputs = weight.shape[1];
  const std::uint64_t taps = window.kernel[0] * window.kernel[1];
  const std::uint64_t in_map = window.in_height * window.in_width;
  std::size_t position = 0;
  for (std::uint64_t o = 0; o < channels; ++o) {
    const std::uint64_t first = o / (channels / groups) * inputs;
    for (std::uint64_t y = 0; y < window.out_height; ++y) {
      for (std::uint64_t x = 0; x < window.out_width; ++x) {
        double sum = bias.values[o];
        for (std::uint64_t c = 0; c < inputs; ++c) {
          const double* rows = weight.values.data() + (o * inputs + c) * taps;
          const double* map = in.data() + (first + c) * in_map;
          window.visit(y, x, [&](std::uint64_t ky, std::uint64_t kx, std::uint64_t at) {
            sum += rows[ky * window.kernel[1] + kx] * map[at];
          });
        }
        out[position++] = sum;
      }
    }
  }
}

/// out = weight in + bias for each leading index of [..., out, in].
void multiply(const NirArray& weight, const std::vector<double>* bias, std::span<const double> in,
              std::span<double> out) {
  const std::uint64_t rows = weight.shape[weight.shape.size() - 2];
  const std::uint64_t columns = weight.shape.back();
  for (std::size_t o = 0; o < out.size(); ++o) {
    const double* row = weight.values.data() + o * columns;
    const double* x = in.data() + o / rows * columns;
    double sum = bias == nullptr ? 0.0 : (*bias)[o];
    for (std::uint64_t i = 0; i < columns; ++i) sum += row[i] * x[i];
    out[o] = sum;
  }
}

class Layer {
 public:
  Layer(const PlanNode& node, std::span<const double> in, std::span<double> out)
      : node_(node), in_(in), out_(out) {}

  void operator()(const NirAffine& op) const { multiply(op.weight, &op.bias.values, in_, out_); }
  void operator()(const NirLinear& op) const { multiply(op.weight, nullptr, in_, out_); }

  void operator()(const NirScale& op) const {
    std::transform(in_.begin(), in_.end(), op.scale.values.begin(), out_.begin(),
                   std::multiplies<>());
  }

  void operator()(const NirThreshold& op) const {
    std::transform(in_.begin(), in_.end(), op.threshold.values.begin(), out_.begin(),
                   [](double x, double threshold) { return x > threshold ? 1.0 : 0.0; });
  }

  void operator()(const NirConv1d& op) const {
    Window window;
    window.in_width = node_.in[1];
    window.out_width = node_.out[1];
    window.kernel[1] = op.weight.shape[2];
    window.stride[1] = op.stride;
    window.dilation[1] = op.dilation;
    window.padding[1] = padding_before(op.padding, 0, window.kernel[1], op.dilation);
    convolve(op.weight, op.bias, op.groups, window, in_, out_);
  }

  void operator()(const NirConv2d& op) const {
    Window window = map_window();
    window.kernel = {op.weight.shape[2], op.weight.shape[3]};
    window.stride = op.stride;
    window.dilation = op.dilation;
    for (std::size_t i = 0; i < 2; ++i) {
      window.padding[i] = padding_before(op.padding, i, window.kernel[i], op.dilation[i]);
    }
    convolve(op.weight, op.bias, op.groups, window, in_, out_);
  }

  void operator()(const NirSumPool2d& op) const { pool(op, 1.0); }
  void operator()(const NirAvgPool2d& op) const {
    pool(op, static_cast<double>(op.kernel_size[0] * op.kernel_size[1]));
  }

  /// Input, Output and Flatten pass on.
  template <class Op>
  void operator()(const Op&) const {
    std::copy(in_.begin(), in_.end(), out_.begin());
  }

 private:
  [[nodiscard]] Window map_window() const {
    Window window;
    window.in_height = node_.in[1];
    window.in_width = node_.in[2];
    window.out_height = node_.out[1];
    window.out_width = node_.out[2];
    return window;
  }

  template <class Pool>
  void pool(const Pool& op, double divisor) const {
    Window window = map_window();
    window.kernel = op.kernel_size;
    window.stride = op.stride;
    window.padding = op.padding;
    std::size_t position = 0;
    for (std::uint64_t c = 0; c < node_.in[0]; ++c) {
      const double* map = in_.data() + c * window.in_height * window.in_width;
      for (std::uint64_t y = 0; y < window.out_height; ++y) {
        for (std::uint64_t x = 0; x < window.out_width; ++x) {
          double sum = 0.0;
          window.visit(y, x, [&](auto, auto, std::uint64_t at) { sum += map[at]; });
          out_[position++] = sum / divisor;
        }
      }
    }
  }

  const PlanNode& node_;
  std::span<const double> in_;
  std::span<double> out_;
};

}  // namespace

void evaluate_layer(const PlanNode& node, std::span<const double> in, std::span<double> out) {
  std::visit(Layer(node, in, out), *node.op);
}

}  // namespace nj::nir

#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "neurojoule/core/feature_shape.hpp"

// The operators of a network. Each struct documents its equation, rounding, saturation and ties
// once; executor, dense reference and chip simulator all implement this text.
namespace nj {

/// The network's input: graded frames x[t, y, x, c] in [0, max_value].
struct Input {
  FeatureShape shape;
  std::uint8_t max_value = 255;
};

/// 2-D convolution with zero padding, one weight set for all positions; a linear layer on tokens is
/// the 1 x 1 case.
///
/// current[t, y, x, o] = bias[o] + sum over (ky, kx, i) of
///     weight[o, i, ky, kx] * input[t, y * stride + ky - padding, x * stride + kx - padding, i].
/// BatchNorm is folded into weight and bias on import. Event-driven: every non-zero input adds one
/// weight row [out_channels] to each output position that sees it; positions outside the map are
/// not counted. A binary input makes binary accumulates; a graded one makes graded multiplies.
struct Conv2d {
  std::uint32_t in_channels = 0;
  std::uint32_t out_channels = 0;
  std::uint32_t kernel = 1;  ///< square
  std::uint32_t stride = 1;
  std::uint32_t padding = 0;
};

/// Leaky integrate-and-fire neurons with hard reset to zero, state zero at the start of a sample.
///
/// H = V + (X - V) / tau;  S = 1 if H >= v_threshold (ties fire);  V = 0 where S, else H.
/// Integer mode: V and H are two's-complement words of the layer's membrane format, in units of the
/// input channel's scale times 2^-fraction_bits; (X - V) / tau is (X - V) * round(2^16 / tau) /
/// 2^16 rounded to nearest, halves up (towards plus infinity); H saturates at the word's limits and
/// each saturation is counted; the threshold is rounded to the nearest membrane unit (halves up).
/// Source: Spikformer (arXiv 2209.15425) Eq. 2-4 with tau = 2, decay of the input.
struct Lif {
  double tau = 2.0;
  double v_threshold = 1.0;
};

/// Maximum over a square window of binary spikes, i.e. a logical OR; outside the map counts as 0.
struct MaxPool2d {
  std::uint32_t kernel = 3;
  std::uint32_t stride = 2;
  std::uint32_t padding = 1;
};

/// Element-wise integer sum of two spike trains (SEW residual): the result is graded, not a spike.
/// Exact; a sum above 255 is an Error(numeric).
struct ResidualAdd {};

/// Spiking self-attention without softmax, on binary query, key and value of equal shape.
///
/// Channel c belongs to head c / (C / heads).
/// current[t, n, c] = scale * sum over tokens m of (sum over j in head(c) of q[t, n, j] k[t, m, j])
///     * v[t, m, c].
/// Integer mode: the sum is an exact integer, in units of `scale`.
/// Source: Spikformer (arXiv 2209.15425) Eq. 6-9.
struct SpikingSelfAttention {
  std::uint32_t heads = 1;
  double scale = 0.25;
};

/// logits[o] = bias[o] + sum over c of weight[o, c] * mean over t and positions of input[t, y, x,
/// c]. Integer mode: the sum over t and positions is an exact integer per channel, the products are
/// accumulated in 64 bits, and one scale per tensor makes the logits comparable.
struct ClassifierHead {
  std::uint32_t in_channels = 0;
  std::uint32_t classes = 0;
};

using Operator =
    std::variant<Input, Conv2d, Lif, MaxPool2d, ResidualAdd, SpikingSelfAttention, ClassifierHead>;

/// The operator's name in files and reports: `input`, `conv2d` (`linear` when 1 x 1), `lif`,
/// `maxpool2d`, `add`, `attention`, `head`.
std::string_view kind_name(const Operator& op);

/// True for operators that own weights (Conv2d, ClassifierHead).
bool has_weights(const Operator& op);

}  // namespace nj

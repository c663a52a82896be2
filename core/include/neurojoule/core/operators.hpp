#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <variant>

#include "neurojoule/core/feature_shape.hpp"

// The operators of a network. Each struct documents its equation, rounding, saturation and ties
// once; executor, dense reference and chip simulator all implement this text.
//
// A layer sends spikes (binary, or graded: small integers) or gives a current. A current is an
// accumulator, an exact integer in units of its channel's scale, where it only reaches neurons,
// directly or through MaxPool2d. Where it reaches a ResidualAdd, an AveragePool2d or the head it is
// a stream: two's-complement words of the network's stream format, in units of 2^-fraction_bits.
// An accumulator is read once per time step, as a word of the network's accumulator format (scores
// of attention likewise, before they meet the values); each sum that does not fit is counted. The
// layer that makes a stream (Conv2d, SpikingSelfAttention, SpikeSum) rounds its accumulators to the
// nearest word, halves up, with a 31-bit multiplier per channel (see StreamWriter), and saturates;
// each saturation is counted.
namespace nj {

/// An extent or a step in the two directions of a map; one number stands for both.
struct Extent {
  std::uint32_t y = 1;
  std::uint32_t x = 1;
  constexpr Extent() = default;
  constexpr Extent(std::uint32_t both) : y(both), x(both) {}  // NOLINT(google-explicit-constructor)
  constexpr Extent(std::uint32_t vertical, std::uint32_t horizontal) : y(vertical), x(horizontal) {}
  friend constexpr bool operator==(const Extent&, const Extent&) = default;
};

/// The network's input: graded frames x[t, y, x, c] in [min_value, max_value], each `scale` of the
/// unit that the weights were trained for.
struct Input {
  FeatureShape shape;
  std::int16_t max_value = 255;
  std::int16_t min_value = 0;
  double scale = 1.0;
};

/// 2-D convolution with zero padding, one weight set for all positions; a linear layer on tokens is
/// the 1 x 1 case, a 1-D convolution the one with a map of height 1.
///
/// current[t, y, x, o] = bias[o] + sum over (ky, kx, i) of weight[o, i, ky, kx] *
///     input[t, y * stride.y + ky * dilation.y - padding.y, x * stride.x + .. - padding.x, g + i],
/// where i runs over in_channels / groups and g is the first channel of the group of o.
/// BatchNorm is folded into weight and bias on import. Event-driven: every non-zero input adds one
/// weight row [out_channels / groups] to each output position that sees it; positions outside the
/// map are not counted. A binary input makes binary accumulates; a graded one graded multiplies.
struct Conv2d {
  std::uint32_t in_channels = 0;  ///< 0: as many as the operand has, filled in by Network::build
  std::uint32_t out_channels = 0;
  Extent kernel = 1;
  Extent stride = 1;
  Extent padding = 0;
  Extent dilation = 1;
  std::uint32_t groups = 1;
};

/// What a spike does to the membrane.
enum class Reset : std::uint8_t {
  to_zero,        ///< V = 0 ("hard")
  by_subtraction  ///< V = H - v_threshold ("soft")
};
/// When a neuron fires.
enum class Firing : std::uint8_t {
  at_threshold,    ///< H >= v_threshold: ties fire
  above_threshold  ///< H > v_threshold
};

/// Leaky integrate-and-fire neurons; the membrane V is zero at the start of a sample.
///
/// J = J - J / tau_synapse + X (tau_synapse 1: J = X; above: current-based neurons, CUBA);
/// H = V + (J - V) / tau, or without decay_input H = V - V / tau + J;
/// S = 1 where H fires; then V is reset, else V = H. After a spike the neuron rests for
/// `refractory` steps: its J goes on, its V stays and it does not fire.
/// tau = infinity without decay_input is the integrate-and-fire neuron (IF). A parametric LIF has
/// a learned tau.
///
/// Integer mode: V, H and (for CUBA) J are two's-complement words of the layer's membrane format,
/// in units of the input channel's scale times 2^-fraction_bits; x / tau is x * round(2^16 / tau) /
/// 2^16 rounded to nearest, halves up (towards plus infinity); J and H saturate at the word's
/// limits and each saturation is counted; the threshold is rounded to the nearest membrane unit
/// (halves up). Source: Spikformer (arXiv 2209.15425) Eq. 2-4 with tau = 2, decay of the input.
struct Lif {
  double tau = 2.0;
  double v_threshold = 1.0;
  Reset reset = Reset::to_zero;
  bool decay_input = true;
  Firing firing = Firing::at_threshold;
  std::uint32_t refractory = 0;  ///< time steps
  double tau_synapse = 1.0;
};

/// True for neurons whose only state is the membrane: no synaptic current, no refractory time.
bool has_membrane_only(const Lif& lif);

/// tau of neurons that do not leak.
inline constexpr double no_leak = std::numeric_limits<double>::infinity();

/// Maximum over a window. Of binary spikes it is a logical OR, and outside the map counts as 0; of
/// currents it is exact (positions outside the map do not take part).
struct MaxPool2d {
  Extent kernel = 3;
  Extent stride = 2;
  Extent padding = 1;
};

/// Mean over a window; outside the map counts as 0.
///
/// Of spikes: the sum of the window, an exact graded value with 1 / (kernel.y * kernel.x) of its
/// input's scale; each spike makes one binary accumulate (graded multiply for graded values) per
/// window that sees it. Of a stream: the sum divided by the kernel's size, rounded to the nearest
/// word, halves up. A kernel as large as the map is the mean over tokens.
struct AveragePool2d {
  Extent kernel = 2;
  Extent stride = 2;
  Extent padding = 0;
};

/// Element-wise sum. Of two spike trains of equal scale (SEW residual): an exact integer, graded,
/// not a spike; a sum beyond 32767 is refused. Of two streams (membrane shortcut): words of the
/// stream format, saturating.
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

/// Coincidence of two binary trains: out[t, n, c] = input[t, n, c] AND gate, where the gate's shape
/// is that of the input ([C, H, W]: gate[t, n, c]), one value per channel ([C, 1, 1]: gate[t, c]),
/// or one per head and position ([heads, H, W]: gate[t, n, c / (C / heads)]).
struct SpikeAnd {};

/// What SpikeSum sums over.
enum class SumAxis : std::uint8_t { tokens, head };

/// Spikes counted: over tokens, current[t, c] = scale * sum over n of input[t, n, c], [C, 1, 1]; or
/// over the channels of a head, current[t, n, h] = scale * sum over c in head h, [heads, H, W].
/// Each spike makes one binary accumulate. Integer mode: exact, in units of `scale`.
/// Sources: Spike-Driven Transformer (arXiv 2307.01694) Eq. 10; QKFormer (arXiv 2403.16552) Eq. 6.
struct SpikeSum {
  SumAxis axis = SumAxis::tokens;
  std::uint32_t heads = 1;  ///< of SumAxis::head
  double scale = 1.0;
};

/// Maximum over a 3 x 3 window of (token, channel within the head) of binary spikes; neighbours
/// outside a head or the row of tokens count as 0. Tokens are numbered row by row (n = y * W + x),
/// so the window spans the end of one row and the start of the next.
/// Source: the authors' code of Spike-Driven Transformer in its event form ("erode").
struct TokenChannelMax {
  std::uint32_t heads = 1;
};

/// Lays a map out as one position: [C, H, W] becomes [C * H * W, 1, 1] in C order (channel, y, x).
struct Flatten {};

/// logits[o] = bias[o] + sum over c of weight[o, c] * mean over t and positions of input[t, y, x,
/// c], of spikes or of a stream. Integer mode: the sum over t and positions is an exact integer per
/// channel, the products are accumulated in 64 bits, and one scale per tensor makes the logits
/// comparable.
struct ClassifierHead {
  std::uint32_t in_channels = 0;  ///< 0: as many as the operand has, filled in by Network::build
  std::uint32_t classes = 0;
};

using Operator =
    std::variant<Input, Conv2d, Lif, MaxPool2d, AveragePool2d, ResidualAdd, SpikingSelfAttention,
                 SpikeAnd, SpikeSum, TokenChannelMax, Flatten, ClassifierHead>;

/// The operator's name in files and reports: `input`, `conv2d` (`linear` when 1 x 1), `lif`,
/// `maxpool2d`, `avgpool2d`, `add`, `attention`, `and`, `sum`, `token_channel_max`, `flatten`,
/// `head`.
std::string_view kind_name(const Operator& op);

/// True for operators that own weights (Conv2d, ClassifierHead).
bool has_weights(const Operator& op);

}  // namespace nj

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/hardware/sanafe_network.hpp"

#include "layout.hpp"

// The inner loops, compiled for every instruction set. All arithmetic is in doubles and in the
// order that sanafe_network.hpp states, so that results are the same on every machine.
namespace nj::sanafe {

/// An input to which nothing was added. Adding any weight (none is -0) makes it another number, and
/// adding it changes nothing.
inline constexpr double no_input = -0.0;

/// Neurons by place, and what one step of them yields.
struct NeuronRun {
  const double* bias = nullptr;
  double* input = nullptr;  ///< read, and set to no_input
  double* potential = nullptr;
  std::uint64_t* idle = nullptr;                ///< bits [Segment words]: nothing to update
  std::vector<std::uint32_t>* fired = nullptr;  ///< places are appended
};

/// Whether `update_leaky` computes these parameters: hard reset, no reverse threshold in use, no
/// refractory steps.
bool is_plain(const NeuronParameters& parameters);

/// One step of leaky_integrate_fire with plain parameters.
void update_leaky(const Segment& segment, const NeuronParameters& parameters, const NeuronRun& run);

/// A convolution whose target's inputs stand as [y][x][channel].
struct ConvolutionKernel {
  explicit ConvolutionKernel(const ConvolutionEdge& edge);

  std::uint32_t input_width, input_height;
  std::uint32_t output_width, output_height;
  std::uint32_t width, height;  ///< of the kernel
  std::uint32_t stride_width, stride_height;
  std::uint32_t channels;      ///< output channels
  std::vector<double> weight;  ///< [input channel][kernel y][kernel x][output channel]
};

/// Adds the weights of input neuron `index` ([channel][y][x]) to the target's inputs.
void add_convolution(const ConvolutionKernel& kernel, std::uint32_t index, double* target);

/// target[i] += values[i].
void add_row(std::span<const double> values, double* target);

}  // namespace nj::sanafe

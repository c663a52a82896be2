#pragma once

#include <cstddef>
#include <vector>

#include "neurojoule/models/calibrate.hpp"
#include "neurojoule/models/model.hpp"
#include "neurojoule/models/quantize.hpp"

// Weights of a low precision whose layer does what it did before, on the inputs that it gets.
namespace nj {

/// What the output channels of one group read, in the units of the weights.
struct InputStatistics {
  std::vector<double> mean;        ///< [features]
  std::vector<double> covariance;  ///< [features, features]
};

/// What a layer gives (before neurons), by channel.
struct OutputStatistics {
  std::vector<double> mean;
  std::vector<double> deviation;  ///< standard
};

/// Of outputs weight * input + bias; `inputs` by group of channels.
OutputStatistics output_statistics(const LayerWeights& weights,
                                   const std::vector<InputStatistics>& inputs);

/// What other weights change: the sum over channels of e^T C e over that of w^T C w, for the
/// covariance C of the inputs, weights w and changes e of them; and the same with C = 1.
struct WeightErrors {
  double output = 0.0;
  double weight = 0.0;
};
WeightErrors weight_errors(const LayerWeights& weights, const LayerWeights& changed,
                           const std::vector<InputStatistics>& inputs);

/// How a layer is to be quantized.
struct FitRequest {
  WeightRule rule;
  double least_scale = 0.0;  ///< as of `quantize_tensor`
  CalibrationSpec spec;
  unsigned threads = 1;
};

/// Integer weights and corrected biases (see CalibrationSpec). `inputs`: of the quantized layer, by
/// group; `wanted`: of the float32 layer.
LayerWeights fit_layer(const LayerWeights& weights, const std::vector<InputStatistics>& inputs,
                       const OutputStatistics& wanted, const FitRequest& request);

}  // namespace nj

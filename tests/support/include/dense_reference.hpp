#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/model.hpp"
#include "neurojoule/models/quantized_network.hpp"

namespace nj::test {

/// Values of one layer over time, dense, C order [T, C, H, W].
struct DenseTensor {
  FeatureShape shape;
  std::vector<std::int64_t> values;
  [[nodiscard]] std::int64_t& at(std::uint32_t t, std::uint32_t c, std::uint32_t y,
                                 std::uint32_t x) {
    return values[((std::size_t{t} * shape.channels + c) * shape.height + y) * shape.width + x];
  }
  [[nodiscard]] std::int64_t at(std::uint32_t t, std::uint32_t c, std::uint32_t y,
                                std::uint32_t x) const {
    return const_cast<DenseTensor*>(this)->at(t, c, y, x);
  }
};

struct DenseExecution {
  Activity activity;
  std::vector<double> logits;
  std::vector<DenseTensor> outputs;  ///< by LayerId; empty for layers that send no spikes
};

/// The oracle: the text of `core/operators.hpp` and `core/activity.hpp` as naive loops over every
/// synapse, zero or not. Takes integer weights, scales and formats from `network`; works out
/// biases, thresholds and counts itself from `model`. Shares no kernel with the executor.
DenseExecution execute_dense(const Model& model, const QuantizedNetwork& network,
                             const GradedTensor& input);

/// Whether a spike train holds exactly these values.
bool equal(const DenseTensor& dense, const SpikeTrain& train);

}  // namespace nj::test

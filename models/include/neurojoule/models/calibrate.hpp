#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/core/yaml.hpp"
#include "neurojoule/models/model.hpp"
#include "neurojoule/models/quantize.hpp"
#include "neurojoule/models/quantized_network.hpp"

namespace nj {

/// How weights are quantized by what their layer reads, without labels and without training.
///
/// Layers come in the order of the network, each on the inputs that the layers quantized before it
/// make of the samples. With the mean m and the covariance C of these inputs:
///
/// * compensation: the codes of a channel are chosen one by one, the error of each spread over
///   those that follow (Frantar et al., "GPTQ", ICLR 2023), on C + damping * mean(diagonal of C);
///   then, `refinements` times, each code moves to where the output errs least, the others as they
///   are. Then the scale is set where the error is least and both are done again, `rounds` times in
///   all. The best of all, rounding to the nearest included, is kept.
/// * correction: the scale of a channel is such that the standard deviation of its output (before
///   neurons) is that of the float32 network on its own inputs, and the bias such that the mean is,
///   so that neurons fire as often as they did. A scale for the whole tensor, and one that is
///   given, stay as they are.
struct CalibrationSpec {
  bool compensation = true;
  bool correction = true;
  bool activity_order = true;  ///< codes of the inputs that vary most come first
  double damping = 0.01;       ///< 1e-6..10
  int rounds = 2;              ///< 1..20
  int refinements = 2;         ///< 0..20
  friend bool operator==(const CalibrationSpec&, const CalibrationSpec&) = default;
};

/// Reads the keys `compensation`, `correction`, `order` (activity, index), `damping`, `rounds`,
/// `refinements` of a map, which may have others. Throws: Error(config) at the value that is wrong.
CalibrationSpec read_calibration_spec(const YamlNode& node);
/// These keys with their values: `compensation: true, correction: true, ..`.
std::string to_yaml_flow(const CalibrationSpec& spec);

/// The most features (weights of an output channel) of which covariances are made: 512 MiB.
inline constexpr std::size_t max_calibration_features = 8192;

/// How far a quantized network is from its float32 one, by what the calibration samples show: cheap
/// stand-ins for what it loses.
struct QuantizationDrift {
  double weight_error = 0.0;  ///< |w' - w|^2 / |w|^2 of a layer, summed over layers
  /// The same of outputs before neurons, on the inputs that the quantized network makes; biases
  /// apart.
  double output_error = 0.0;
  /// |f' - f| / |f| of what the head reads (means over time and positions of spikes or membrane
  /// potentials), as a mean over samples; 0 without a head.
  double feature_drift = 0.0;
};

/// Quantizes one model again and again. What was made of a layer is kept, up to 384 MiB, and used
/// again where the same rules hold for it and for all that it reads. Results depend on the rules
/// and words alone, not on what was called before or on the threads.
class Calibrator {
 public:
  /// Runs the model in float32 on the samples, at most a few hundred. Memory: the trains of all
  /// samples. Throws: Error(unsupported) for networks with cycles; Error(capacity) with the layer's
  /// name for too many features; Error(config) without samples; as `quantize` and `execute`.
  Calibrator(Model model, std::vector<GradedTensor> samples, const CalibrationSpec& spec,
             unsigned threads);
  ~Calibrator();
  Calibrator(Calibrator&&) noexcept;
  Calibrator& operator=(Calibrator&&) noexcept;

  /// `rules`: of each weighted layer, in their order. What is returned is valid until the next
  /// call. Throws: as `quantize`.
  const QuantizedNetwork& quantize(std::span<const WeightRule> rules,
                                   const QuantizedNetwork::Words& words);
  /// The same as a model with integer weights; `quantize` of it gives this network.
  [[nodiscard]] const Model& model() const;
  /// Of the network that was quantized last. Reads all samples' trains once more.
  [[nodiscard]] QuantizationDrift drift() const;
  /// By LayerId; layers of two networks of this calibrator that have the same number, and all that
  /// they read, do the same.
  [[nodiscard]] std::span<const std::uint32_t> lineage() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nj

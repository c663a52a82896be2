#include "neurojoule/models/calibrate.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/parallel.hpp"

#include "input_moments.hpp"
#include "layer_fit.hpp"
#include "layer_quantizer.hpp"
#include "sample_run.hpp"

namespace nj {
namespace {

/// Integer moments in the unit of the inputs.
std::vector<InputStatistics> statistics_of(const InputMoments& moments, double unit) {
  const std::size_t features = moments.features;
  const auto windows = static_cast<double>(std::max<std::uint64_t>(moments.windows, 1));
  std::vector<InputStatistics> groups(moments.groups);
  for (std::size_t g = 0; g < moments.groups; ++g) {
    const std::int64_t* const sums = moments.sums.data() + g * features;
    const std::int64_t* const products = moments.products.data() + g * features * features;
    InputStatistics& group = groups[g];
    group.mean.resize(features);
    group.covariance.resize(features * features);
    for (std::size_t i = 0; i < features; ++i) {
      group.mean[i] = static_cast<double>(sums[i]) / windows * unit;
    }
    for (std::size_t i = 0; i < features; ++i) {
      for (std::size_t j = 0; j < features; ++j) {
        const double product = static_cast<double>(products[i * features + j]) / windows;
        group.covariance[i * features + j] = product * unit * unit - group.mean[i] * group.mean[j];
      }
    }
  }
  return groups;
}

/// Statistics of vectors, one per sample.
InputStatistics statistics_of(const std::vector<std::vector<double>>& vectors) {
  const std::size_t features = vectors.front().size();
  const auto count = static_cast<double>(vectors.size());
  InputStatistics result{std::vector<double>(features), std::vector<double>(features * features)};
  for (const auto& vector : vectors) {
    for (std::size_t i = 0; i < features; ++i) result.mean[i] += vector[i] / count;
  }
  for (const auto& vector : vectors) {
    for (std::size_t i = 0; i < features; ++i) {
      const double off = (vector[i] - result.mean[i]) / count;
      for (std::size_t j = 0; j < features; ++j) {
        result.covariance[i * features + j] += off * (vector[j] - result.mean[j]);
      }
    }
  }
  return result;
}

}  // namespace

struct Calibrator::State {
  State(Model given, QuantizationSpec given_words, std::vector<GradedTensor> given_samples,
        const CalibrationSpec& given_spec, unsigned thread_count)
      : model(std::move(given)),
        words(std::move(given_words)),
        samples(std::move(given_samples)),
        spec(given_spec),
        threads(thread_count),
        fitted(model),
        quantizer(fitted, words),
        buffers(model.network),
        wanted(model.network.size()),
        fitted_by(model.network.size()) {
    check();
    measure_reference();
  }

  void check() const {
    if (samples.empty()) throw Error(ErrorKind::config, "calibration needs samples");
    for (const Stage& stage : buffers.order) {
      if (!stage.stepwise) continue;
      const LayerId lead = stage.populations.front().lead;
      throw layer_error(ErrorKind::unsupported, model.network.layer(lead),
                        "calibration does not take cycles");
    }
    for (const GradedTensor& sample : samples) require_fit(quantizer.network(), sample);
    for (const LayerId id : model.network.weighted_layers()) {
      const LayerSpec& layer = model.network.layer(id);
      const std::uint64_t features = weight_shape(layer.op)->fan_in();
      if (features <= max_calibration_features) continue;
      throw layer_error(ErrorKind::capacity, layer,
                        fmt::format("calibration takes up to {} weights per output channel, got {}",
                                    max_calibration_features, features));
    }
  }

  void measure_reference() {
    QuantizationSpec floating = words;
    floating.layers.clear();
    floating.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
    const QuantizedNetwork network = nj::quantize(model, floating);
    start(network);
    for (std::size_t i = 0; i < buffers.order.size(); ++i) execute(network, i);
    for (const LayerId id : model.network.weighted_layers()) {
      wanted[id.index] = output_statistics(*model.weights[id.index], inputs_of(id));
    }
    start(quantizer.network());
  }

  void start(const QuantizedNetwork& network) {
    runs.clear();
    for (std::size_t i = 0; i < samples.size(); ++i) {
      runs.push_back(std::make_unique<SampleRun>(network, buffers, ExecuteOptions{}));
    }
  }

  void execute(const QuantizedNetwork& network, std::size_t population) {
    parallel_for(runs.size(), 1, threads, [&](std::size_t i, std::size_t) {
      runs[i]->rerun_one(network, population, samples[i]);
    });
  }

  /// What a layer reads in all runs, by group of its channels.
  [[nodiscard]] std::vector<InputStatistics> inputs_of(LayerId id) const {
    const Network& network = model.network;
    const LayerId source = network.operands(id)[0].source;
    if (std::holds_alternative<ClassifierHead>(network.layer(id).op)) return {head_inputs(id)};
    const auto* input = std::get_if<Input>(&network.layer(source).op);
    const TrainList trains{runs.size(),
                           [&](std::size_t i) -> const SpikeTrain& { return runs[i]->train(id); }};
    return statistics_of(
        count_moments(convolution_geometry(network, id), input ? input->min_value : 0,
                      static_cast<std::int32_t>(*network.max_output(source)), trains, threads),
        network.value_scale(source));
  }

  /// The head reads means over time and positions.
  [[nodiscard]] InputStatistics head_inputs(LayerId id) const {
    const LayerId source = model.network.operands(id)[0].source;
    const double count =
        static_cast<double>(model.network.output_shape(source).positions()) * model.timesteps;
    std::vector<std::vector<double>> vectors;
    for (const auto& run : runs) {
      FeatureSums sums;
      double unit = model.network.value_scale(source);
      if (run->reads_spikes(id)) {
        sums.words = channel_sums(run->train(id));
      } else {
        sums = channel_sums(run->current(id));
        unit = sums.values.empty() ? std::ldexp(1.0, -words.stream.fraction_bits) : 1.0;
      }
      std::vector<double>& vector = vectors.emplace_back();
      for (const std::int64_t word : sums.words) {
        vector.push_back(static_cast<double>(word) * unit / count);
      }
      for (const double value : sums.values) vector.push_back(value / count);
    }
    return statistics_of(vectors);
  }

  void fit(LayerId id, const WeightRule& rule) {
    const LayerWeights& weights = *model.weights[id.index];
    if (weights.integers || rule.format.scheme == Scheme::float32) return;
    fitted.weights[id.index] = fit_layer(
        weights, inputs_of(id), wanted[id.index],
        {.rule = rule, .least_scale = quantizer.least_scale(id), .spec = spec, .threads = threads});
  }

  const QuantizedNetwork& quantize(std::span<const WeightRule> rules) {
    const std::vector<LayerId> layers = model.network.weighted_layers();
    std::vector<const WeightRule*> rule_of(model.network.size(), nullptr);
    for (std::size_t i = 0; i < layers.size(); ++i) rule_of[layers[i].index] = &rules[i];
    bool as_before = true;
    for (std::size_t i = 0; i < buffers.order.size(); ++i) {
      const Population& population = buffers.order[i].populations.front();
      const LayerId lead = population.lead;
      const WeightRule rule = rule_of[lead.index] ? *rule_of[lead.index] : WeightRule{};
      std::optional<WeightRule>& before = fitted_by[lead.index];
      if (as_before && before == rule) continue;
      // What fails half-way is not taken for done by the next call.
      if (as_before)
        std::fill_n(fitted_by.begin() + lead.index, fitted_by.size() - lead.index, std::nullopt);
      as_before = false;
      fitted.weights[lead.index] = model.weights[lead.index];
      if (rule_of[lead.index]) fit(lead, rule);
      for (const auto& id : {std::optional(lead), population.lif, population.pool}) {
        if (id) quantizer.add(*id, rule_of[id->index]);
      }
      execute(quantizer.network(), i);
      before = rule;
    }
    return quantizer.network();
  }

  Model model;
  QuantizationSpec words;
  std::vector<GradedTensor> samples;
  CalibrationSpec spec;
  unsigned threads;
  Model fitted;
  LayerQuantizer quantizer;  ///< of `fitted`
  SampleBuffers buffers;
  std::vector<std::unique_ptr<SampleRun>> runs;      ///< by sample
  std::vector<OutputStatistics> wanted;              ///< by LayerId
  std::vector<std::optional<WeightRule>> fitted_by;  ///< by LayerId of a population's lead
};

Calibrator::Calibrator(Model model, QuantizationSpec words, std::vector<GradedTensor> samples,
                       const CalibrationSpec& spec, unsigned threads)
    : state_(std::make_unique<State>(std::move(model), std::move(words), std::move(samples), spec,
                                     threads)) {}
Calibrator::~Calibrator() = default;
Calibrator::Calibrator(Calibrator&&) noexcept = default;
Calibrator& Calibrator::operator=(Calibrator&&) noexcept = default;

const QuantizedNetwork& Calibrator::quantize(std::span<const WeightRule> rules) {
  return state_->quantize(rules);
}
const Model& Calibrator::model() const { return state_->fitted; }

}  // namespace nj

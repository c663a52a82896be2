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
#include "lineage.hpp"
#include "sample_run.hpp"

namespace nj {
namespace {

/// What is kept of networks quantized before.
constexpr std::size_t kept_bytes = std::size_t{384} << 20;

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

/// Of two vectors, over the length of the second.
double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double apart = 0.0;
  double length = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    apart += (a[i] - b[i]) * (a[i] - b[i]);
    length += b[i] * b[i];
  }
  return length > 0.0 ? std::sqrt(apart / length) : 0.0;
}

}  // namespace

struct Calibrator::State {
  State(Model given, std::vector<GradedTensor> given_samples, const CalibrationSpec& given_spec,
        unsigned thread_count)
      : model(std::move(given)),
        samples(std::move(given_samples)),
        spec(given_spec),
        threads(thread_count),
        fitted(model),
        quantizer(fitted, {}, false),
        buffers(model.network),
        wanted(model.network.size()),
        lineage(model.network.size(), unknown),
        kept(kept_bytes) {
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
    const QuantizedNetwork network = nj::quantize(model, float32_spec());
    start(network);
    for (std::size_t i = 0; i < buffers.order.size(); ++i) execute(network, i);
    for (const LayerId id : model.network.weighted_layers()) {
      wanted[id.index] = output_statistics(*model.weights[id.index], inputs_of(id));
      if (std::holds_alternative<ClassifierHead>(model.network.layer(id).op)) {
        wanted_features = head_inputs(id);
      }
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
      runs[i]->rerun(network, population, samples[i]);
    });
  }

  /// What a layer reads in all runs, by group of its channels.
  [[nodiscard]] std::vector<InputStatistics> inputs_of(LayerId id) const {
    const Network& network = model.network;
    const LayerId source = network.operands(id)[0].source;
    if (std::holds_alternative<ClassifierHead>(network.layer(id).op))
      return {statistics_of(head_inputs(id))};
    const auto* input = std::get_if<Input>(&network.layer(source).op);
    const TrainList trains{runs.size(),
                           [&](std::size_t i) -> const SpikeTrain& { return runs[i]->train(id); }};
    return statistics_of(
        count_moments(convolution_geometry(network, id), input ? input->min_value : 0,
                      static_cast<std::int32_t>(*network.max_output(source)), trains, threads),
        network.value_scale(source));
  }

  /// What the head reads of each sample: means over time and positions.
  [[nodiscard]] std::vector<std::vector<double>> head_inputs(LayerId id) const {
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
        unit = sums.values.empty() ? std::ldexp(1.0, -quantizer.network().stream().fraction_bits)
                                   : 1.0;
      }
      std::vector<double>& vector = vectors.emplace_back();
      for (const std::int64_t word : sums.words) {
        vector.push_back(static_cast<double>(word) * unit / count);
      }
      for (const double value : sums.values) vector.push_back(value / count);
    }
    return vectors;
  }

  [[nodiscard]] QuantizationDrift drift() const {
    QuantizationDrift drift;
    for (const LayerId id : model.network.weighted_layers()) {
      const LayerWeights& changed = *fitted.weights[id.index];
      const WeightErrors errors = weight_errors(*model.weights[id.index], changed, inputs_of(id));
      drift.output_error += errors.output;
      drift.weight_error += errors.weight;
      if (!std::holds_alternative<ClassifierHead>(model.network.layer(id).op)) continue;
      const auto vectors = head_inputs(id);
      for (std::size_t i = 0; i < vectors.size(); ++i) {
        drift.feature_drift +=
            distance(vectors[i], wanted_features[i]) / static_cast<double>(vectors.size());
      }
    }
    return drift;
  }

  void fit(LayerId id, const WeightRule& rule) {
    const LayerWeights& weights = *model.weights[id.index];
    if (weights.integers || rule.format.scheme == Scheme::float32) return;
    fitted.weights[id.index] = fit_layer(
        weights, inputs_of(id), wanted[id.index],
        {.rule = rule, .least_scale = quantizer.least_scale(id), .spec = spec, .threads = threads});
  }

  /// Numbers of all populations in the order of the buffers.
  std::vector<std::uint32_t> numbers_of(const std::vector<const WeightRule*>& rule_of,
                                        const QuantizedNetwork::Words& words) {
    const Network& network = model.network;
    std::vector<std::uint32_t> of_layer(network.size());
    std::vector<std::uint32_t> numbers;
    for (std::size_t i = 0; i < buffers.order.size(); ++i) {
      const Population& population = buffers.order[i].populations.front();
      std::vector<std::uint32_t> read;
      for (const Operand& operand : network.operands(population.lead)) {
        read.push_back(of_layer[operand.source.index]);
      }
      const bool is_input = std::holds_alternative<Input>(network.layer(population.lead).op);
      const std::uint32_t number = lineages.number(i, rule_of[population.lead.index],
                                                   is_input ? nullptr : &words, std::move(read));
      for (const LayerId id : population.layers()) of_layer[id.index] = number;
      numbers.push_back(number);
    }
    return numbers;
  }

  /// Takes what was made of a population away, to be used again.
  void put_aside(std::size_t index) {
    const Population& population = buffers.order[index].populations.front();
    const std::uint32_t number = lineage[population.lead.index];
    if (number == unknown) return;
    QuantizedPopulation made;
    made.weights = std::exchange(fitted.weights[population.lead.index], std::nullopt);
    for (const LayerId id : population.layers()) {
      made.layers.push_back(quantizer.network().layer(id));
      lineage[id.index] = unknown;
    }
    for (const auto& run : runs) made.outputs.push_back(run->take(index));
    kept.put(number, std::move(made));
  }

  void use(std::size_t index, QuantizedPopulation made) {
    const Population& population = buffers.order[index].populations.front();
    fitted.weights[population.lead.index] = std::move(made.weights);
    auto layer = made.layers.begin();
    for (const LayerId id : population.layers()) quantizer.put(id, std::move(*layer++));
    for (std::size_t i = 0; i < runs.size(); ++i) {
      runs[i]->put(index, std::move(made.outputs[i]));
    }
  }

  void make(std::size_t index, const std::vector<const WeightRule*>& rule_of) {
    const Population& population = buffers.order[index].populations.front();
    const LayerId lead = population.lead;
    fitted.weights[lead.index] = model.weights[lead.index];
    if (rule_of[lead.index]) fit(lead, *rule_of[lead.index]);
    for (const LayerId id : population.layers()) quantizer.add(id, rule_of[id.index]);
    execute(quantizer.network(), index);
  }

  const QuantizedNetwork& quantize(std::span<const WeightRule> rules,
                                   const QuantizedNetwork::Words& words) {
    const std::vector<LayerId> layers = model.network.weighted_layers();
    std::vector<const WeightRule*> rule_of(model.network.size(), nullptr);
    for (std::size_t i = 0; i < layers.size(); ++i) rule_of[layers[i].index] = &rules[i];
    const std::vector<std::uint32_t> numbers = numbers_of(rule_of, words);
    for (std::size_t i = 0; i < buffers.order.size(); ++i) {
      if (lineage[buffers.order[i].populations.front().lead.index] != numbers[i]) put_aside(i);
    }
    if (!(quantizer.network().words() == words)) change_words(words);
    for (std::size_t i = 0; i < buffers.order.size(); ++i) {
      const Population& population = buffers.order[i].populations.front();
      if (lineage[population.lead.index] == numbers[i]) continue;
      if (auto made = kept.take(numbers[i])) {
        use(i, std::move(*made));
      } else {
        make(i, rule_of);
      }
      for (const LayerId id : population.layers()) lineage[id.index] = numbers[i];
    }
    return quantizer.network();
  }

  /// What does not depend on words stays.
  void change_words(const QuantizedNetwork::Words& words) {
    const QuantizedNetwork before = quantizer.network();
    quantizer.restart(words);
    for (std::uint32_t i = 0; i < lineage.size(); ++i) {
      if (lineage[i] != unknown) quantizer.put({i}, before.layer({i}));
    }
  }

  static constexpr std::uint32_t unknown = std::numeric_limits<std::uint32_t>::max();
  Model model;
  std::vector<GradedTensor> samples;
  CalibrationSpec spec;
  unsigned threads;
  Model fitted;
  LayerQuantizer quantizer;  ///< of `fitted`
  SampleBuffers buffers;
  std::vector<std::unique_ptr<SampleRun>> runs;      ///< by sample
  std::vector<OutputStatistics> wanted;              ///< by LayerId
  std::vector<std::vector<double>> wanted_features;  ///< of the head, by sample
  Lineages lineages;
  std::vector<std::uint32_t> lineage;  ///< by LayerId: number of its population, as it is now
  KeptPopulations kept;
};

Calibrator::Calibrator(Model model, std::vector<GradedTensor> samples, const CalibrationSpec& spec,
                       unsigned threads)
    : state_(std::make_unique<State>(std::move(model), std::move(samples), spec, threads)) {}
Calibrator::~Calibrator() = default;
Calibrator::Calibrator(Calibrator&&) noexcept = default;
Calibrator& Calibrator::operator=(Calibrator&&) noexcept = default;

const QuantizedNetwork& Calibrator::quantize(std::span<const WeightRule> rules,
                                             const QuantizedNetwork::Words& words) {
  return state_->quantize(rules, words);
}
QuantizationDrift Calibrator::drift() const { return state_->drift(); }
const Model& Calibrator::model() const { return state_->fitted; }
std::span<const std::uint32_t> Calibrator::lineage() const { return state_->lineage; }

}  // namespace nj

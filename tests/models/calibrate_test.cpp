// Question: does calibration choose codes that err no more than rounding, and restore what the
// float32 network's layers gave; and does it depend on the rules alone?
#include "neurojoule/models/calibrate.hpp"

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "neurojoule/models/execute.hpp"
#include "neurojoule/models/execute_variants.hpp"
#include "neurojoule/models/family.hpp"

#include "layer_fit.hpp"
#include "random_model.hpp"
#include "support/thrown.hpp"

namespace {

using namespace nj;
using nj::test::Random;

/// Two inputs that are always equal, of variance 1 and mean 1/2.
const std::vector<InputStatistics> twins{{{0.5, 0.5}, {1, 1, 1, 1}}};

FitRequest request(const NumberFormat& format, const CalibrationSpec& spec, double scale = 0.0) {
  WeightRule rule{format, scale > 0 ? ScaleRule::fixed : ScaleRule::max, scale};
  return {.rule = rule, .least_scale = 0, .spec = spec, .threads = 1};
}

TEST_CASE("hand-worked compensation: what rounding takes away, the twin gives back") {
  // Both weights 0.4 of a step of 1 round to 0. The sum of both matters: 0.8. Compensation rounds
  // the first to 0, and gives its error to the second, 0.8 -> 1 (0.0001 of damping apart).
  CalibrationSpec spec{.correction = false, .damping = 1e-4, .refinements = 0};
  const LayerWeights weights{{0.4F, 0.4F}, {0.25F}};
  const OutputStatistics wanted = output_statistics(weights, twins);
  CHECK(wanted.mean[0] == doctest::Approx(0.4 + 0.25).epsilon(1e-7));
  CHECK(wanted.deviation[0] == doctest::Approx(0.8).epsilon(1e-7));
  const NumberFormat format{Scheme::uniform, 4, Granularity::per_channel};
  const LayerWeights fitted = fit_layer(weights, twins, wanted, request(format, spec, 1.0));
  CHECK(fitted.integers->integers == std::vector<std::int16_t>{0, 1});
  CHECK(fitted.bias[0] == 0.25F);
  spec.compensation = false;
  CHECK(fit_layer(weights, twins, wanted, request(format, spec, 1.0)).integers->integers ==
        std::vector<std::int16_t>{0, 0});
}

TEST_CASE("hand-worked correction: mean and deviation as before") {
  // Binary: both +1 with scale 0.3; sum of weights before 0.2 + 0.4 = 0.6, after 2 * scale: the
  // deviation 0.6 wants a scale of 0.3. Mean before 0.5 * 0.6 + 1 = 1.3, the same after.
  CalibrationSpec spec{.compensation = false};
  const LayerWeights weights{{0.2F, 0.4F}, {1.0F}};
  const OutputStatistics wanted = output_statistics(weights, twins);
  FitRequest binary = request({Scheme::binary, 1, Granularity::per_channel}, spec);
  LayerWeights fitted = fit_layer(weights, twins, wanted, binary);
  CHECK(fitted.integers->integers == std::vector<std::int16_t>{1, 1});
  CHECK(fitted.integers->scales[0] == doctest::Approx(0.3).epsilon(1e-7));
  CHECK(fitted.bias[0] == doctest::Approx(1.0).epsilon(1e-7));
  // A scale of the whole tensor stays (max: 0.4), and the bias makes up for the mean alone.
  binary.rule.format.granularity = Granularity::per_tensor;
  fitted = fit_layer(weights, twins, wanted, binary);
  CHECK(fitted.integers->scales[0] == doctest::Approx(0.4).epsilon(1e-7));
  CHECK(fitted.bias[0] == doctest::Approx(1.3 - 0.5 * 2 * 0.4).epsilon(1e-7));
  // No scale below the least one.
  binary.rule.format.granularity = Granularity::per_channel;
  binary.least_scale = 0.7;
  CHECK(fit_layer(weights, twins, wanted, binary).integers->scales[0] == 0.7);
}

std::vector<NumberFormat> all_formats() {
  std::vector<NumberFormat> formats;
  for (const Granularity granularity : {Granularity::per_channel, Granularity::per_tensor}) {
    for (const int width : {2, 3, 8, 16}) {
      const auto bits = static_cast<std::uint8_t>(width);
      formats.push_back({Scheme::uniform, bits, granularity});
      formats.push_back({Scheme::power_of_two, bits, granularity});
    }
    formats.push_back({Scheme::uniform, 2, granularity, true});
    formats.push_back({Scheme::uniform, 5, granularity, true});
    formats.push_back({Scheme::additive_power_of_two, 4, granularity});
    formats.push_back({Scheme::ternary, 2, granularity});
    formats.push_back({Scheme::binary, 1, granularity});
  }
  formats.push_back({Scheme::uniform, 3, Granularity::per_group, false, 5});
  return formats;
}

/// Statistics of inputs that depend on each other.
InputStatistics random_statistics(Random& random, std::size_t features) {
  std::vector<double> mixing(features * features);
  for (double& m : mixing) m = random.symmetric();
  InputStatistics result{std::vector<double>(features), std::vector<double>(features * features)};
  for (std::size_t i = 0; i < features; ++i) {
    result.mean[i] = random.symmetric();
    for (std::size_t j = 0; j < features; ++j) {
      for (std::size_t k = 0; k < features; ++k) {
        result.covariance[i * features + j] += mixing[i * features + k] * mixing[j * features + k];
      }
    }
  }
  return result;
}

/// (w - q)^T (C + damping) (w - q) of each channel.
std::vector<double> output_errors(const LayerWeights& weights, const LayerWeights& fitted,
                                  const InputStatistics& inputs, double damping) {
  const std::size_t f = inputs.mean.size();
  double mean = 0;
  for (std::size_t i = 0; i < f; ++i) mean += inputs.covariance[i * f + i] / static_cast<double>(f);
  std::vector<double> errors(weights.bias.size());
  for (std::size_t o = 0; o < errors.size(); ++o) {
    for (std::size_t i = 0; i < f; ++i) {
      const double a = double{weights.weight[o * f + i]} - double{fitted.weight[o * f + i]};
      errors[o] += a * a * damping * mean;
      for (std::size_t j = 0; j < f; ++j) {
        errors[o] += a * inputs.covariance[i * f + j] *
                     (double{weights.weight[o * f + j]} - double{fitted.weight[o * f + j]});
      }
    }
  }
  return errors;
}

TEST_CASE("every scheme: codes of the format, no output errs more than with rounded weights") {
  double rounded_sum = 0;
  double compensated_sum = 0;
  for (const NumberFormat& format : all_formats()) {
    CAPTURE(to_string(format));
    Random random(7);
    const std::size_t features = 12;
    const std::vector<InputStatistics> inputs{random_statistics(random, features)};
    LayerWeights weights{{}, {0.5F, -0.5F, 0.0F}};
    for (std::size_t i = 0; i < 3 * features; ++i) weights.weight.push_back(random.symmetric());
    const OutputStatistics wanted = output_statistics(weights, inputs);
    CalibrationSpec spec{.correction = false};
    const LayerWeights fitted = fit_layer(weights, inputs, wanted, request(format, spec));
    spec.compensation = false;
    const LayerWeights rounded = fit_layer(weights, inputs, wanted, request(format, spec));
    CHECK(rounded.integers == quantize_tensor(weights.weight, 3, {format, ScaleRule::max, 0.0}));
    const auto errors = output_errors(weights, fitted, inputs[0], spec.damping);
    const auto before = output_errors(weights, rounded, inputs[0], spec.damping);
    for (std::size_t o = 0; o < 3; ++o) {
      CHECK(errors[o] <= before[o] * (1 + 1e-5) + 1e-9);  // weights are rounded to float32
      rounded_sum += before[o];
      compensated_sum += errors[o];
    }
    const std::int32_t largest = largest_integer(format);
    for (const std::int16_t integer : fitted.integers->integers) {
      CHECK(std::abs(integer) <= largest);
      if (format.scheme == Scheme::binary) CHECK(integer != 0);
    }
    // With correction, mean and deviation are the wanted ones where channels have scales.
    spec.correction = true;
    const LayerWeights corrected = fit_layer(weights, inputs, wanted, request(format, spec));
    const OutputStatistics given = output_statistics(corrected, inputs);
    for (std::size_t o = 0; o < 3; ++o) {
      CHECK(given.mean[o] == doctest::Approx(wanted.mean[o]).epsilon(1e-5).epsilon(1e-7));
      if (format.granularity == Granularity::per_tensor) continue;
      CHECK(given.deviation[o] == doctest::Approx(wanted.deviation[o]).epsilon(1e-5).epsilon(1e-7));
    }
  }
  CHECK(compensated_sum < 0.7 * rounded_sum);
}

Network small_network(Family family) {
  FamilyParameters parameters;
  parameters.family = family;
  parameters.input = {2, 10, 9};
  parameters.max_input = 7;
  parameters.embed_dims = 16;
  parameters.depths = {1};
  parameters.heads = 2;
  parameters.mlp_ratio = 2;
  return build_network(parameters);
}

struct Case {
  Model model;
  std::vector<GradedTensor> samples;

  explicit Case(std::uint64_t seed, Family family = Family::spikformer)
      : model(nj::test::random_model(small_network(family), 3, seed, 2.0F)) {
    const auto& input = std::get<Input>(model.network.layer({0}).op);
    for (std::uint64_t i = 0; i < 6; ++i) {
      samples.push_back(nj::test::random_frames(
          3, input.shape, static_cast<std::uint32_t>(input.max_value), 20, 100 * seed + i));
    }
  }
  std::vector<WeightRule> rules(const NumberFormat& format) const {
    const auto layers = model.network.weighted_layers();
    std::vector<WeightRule> result(layers.size(), {format, ScaleRule::mse, 0.0});
    result.back().format.granularity = Granularity::per_tensor;
    return result;
  }
};

std::vector<std::vector<double>> logits(const QuantizedNetwork& network,
                                        const std::vector<GradedTensor>& samples) {
  std::vector<std::vector<double>> result;
  for (const GradedTensor& sample : samples) result.push_back(execute(network, sample).logits);
  return result;
}

/// Spikes are what Spikformer's head reads, a stream what Spikingformer's does.
void check_rules_alone(Family family) {
  const Case c(3, family);
  const auto all = [&](std::uint8_t bits) {
    return c.rules({Scheme::uniform, bits, Granularity::per_channel});
  };
  const QuantizedNetwork::Words words = words_of({});
  Calibrator once(c.model, c.samples, {}, 1);
  const auto expected = logits(once.quantize(all(3), words), c.samples);
  CHECK(logits(quantize(once.model(), {}), c.samples) == expected);
  for (const unsigned threads : {1U, 2U, 4U}) {
    Calibrator again(c.model, c.samples, {}, threads);
    (void)again.quantize(all(2), words);
    std::vector<WeightRule> mixed = all(3);
    for (std::size_t i = mixed.size() / 2; i < mixed.size(); ++i) mixed[i].format.bits = 5;
    const auto of_mixed = logits(again.quantize(mixed, words), c.samples);
    CHECK(of_mixed != expected);
    CHECK(logits(again.quantize(all(3), words), c.samples) == expected);
    CHECK(again.model().weights[1]->integers == once.model().weights[1]->integers);
    CHECK(logits(again.quantize(mixed, words), c.samples) == of_mixed);
  }
}

TEST_CASE("a calibrated network depends on its rules alone, and is its model quantized") {
  check_rules_alone(Family::spikformer);
  check_rules_alone(Family::spikingformer);
}

TEST_CASE("words come with each call, and a layer's lineage with its words, rule and inputs") {
  const Case c(4);
  const auto rules = c.rules({Scheme::uniform, 3, Granularity::per_channel});
  const QuantizedNetwork::Words wide = words_of({});
  QuantizedNetwork::Words narrow = wide;
  narrow.membrane = {10, 2, Rounding::nearest_half_up};
  Calibrator calibrator(c.model, c.samples, {}, 1);
  const auto of_wide = logits(calibrator.quantize(rules, wide), c.samples);
  const std::vector<std::uint32_t> wide_lineage(calibrator.lineage().begin(),
                                                calibrator.lineage().end());
  const auto of_narrow = logits(calibrator.quantize(rules, narrow), c.samples);
  CHECK(of_narrow != of_wide);
  CHECK(calibrator.quantize(rules, narrow).membrane() == narrow.membrane);
  CHECK(calibrator.lineage()[0] == wide_lineage[0]);  // the input has no words
  CHECK(calibrator.lineage()[1] != wide_lineage[1]);
  Calibrator other(c.model, c.samples, {}, 1);
  CHECK(logits(other.quantize(rules, narrow), c.samples) == of_narrow);
  CHECK(logits(calibrator.quantize(rules, wide), c.samples) == of_wide);
  CHECK(std::equal(wide_lineage.begin(), wide_lineage.end(), calibrator.lineage().begin()));
  // Of q, k and v only the one whose rule changes becomes another, and what reads it.
  const auto layers = c.model.network.weighted_layers();
  const auto q = std::find_if(layers.begin(), layers.end(), [&](LayerId id) {
    return c.model.network.layer(id).name.ends_with("q_conv");
  });
  REQUIRE(q != layers.end());
  auto changed = rules;
  changed[static_cast<std::size_t>(q - layers.begin())].format.bits = 2;
  (void)calibrator.quantize(changed, wide);
  CHECK(calibrator.lineage()[q->index] != wide_lineage[q->index]);
  CHECK(calibrator.lineage()[(q + 1)->index] == wide_lineage[(q + 1)->index]);
  CHECK(calibrator.lineage()[(q + 2)->index] == wide_lineage[(q + 2)->index]);
  CHECK(calibrator.lineage()[(q + 3)->index] != wide_lineage[(q + 3)->index]);
  // A membrane that no threshold fits is refused, and leaves the next call alone.
  narrow.membrane = {4, 2, Rounding::nearest_half_up};
  CHECK_THROWS_AS((void)calibrator.quantize(rules, narrow), Error);
  CHECK(logits(calibrator.quantize(rules, wide), c.samples) == of_wide);
}

TEST_CASE("drift: by hand for a layer, and less with more bits") {
  // Twins with variance 1: w = (1, 2): w^T C w = 9. Changed by (1, -1): (1 - 1)^2 = 0 of the
  // output, 2 / 5 of the weights; by (1, 0): 1 / 9 and 1 / 5.
  const LayerWeights weights{{1, 2}, {0}};
  CHECK(weight_errors(weights, {{2, 1}, {0}}, twins).output == 0.0);
  CHECK(weight_errors(weights, {{2, 1}, {0}}, twins).weight == doctest::Approx(0.4).epsilon(1e-7));
  CHECK(weight_errors(weights, {{2, 2}, {0}}, twins).output ==
        doctest::Approx(1.0 / 9).epsilon(1e-7));
  for (const Family family : {Family::spikformer, Family::spikingformer}) {
    const Case c(8, family);
    Calibrator calibrator(c.model, c.samples, {}, 1);
    std::vector<QuantizationDrift> drifts;
    for (const std::uint8_t bits : std::vector<std::uint8_t>{2, 4, 8}) {
      const auto rules = c.rules({Scheme::uniform, bits, Granularity::per_channel});
      (void)calibrator.quantize(rules, words_of({}));
      drifts.push_back(calibrator.drift());
    }
    for (std::size_t i = 1; i < drifts.size(); ++i) {
      CHECK(drifts[i].output_error < drifts[i - 1].output_error);
      CHECK(drifts[i].feature_drift < drifts[i - 1].feature_drift);
    }
    CHECK(drifts.back().feature_drift > 0.0);
  }
}

TEST_CASE("variants that share layers do what each does alone") {
  for (const Family family :
       {Family::spikformer, Family::spikingformer, Family::spike_driven_transformer}) {
    const Case c(6, family);
    std::vector<QuantizedNetwork> networks;
    std::vector<Variant> variants;
    const auto layers = c.model.network.weighted_layers();
    for (std::size_t v = 0; v <= layers.size(); ++v) {
      // Variant v has other weights than the one before from weighted layer v - 1 on.
      QuantizationSpec spec;
      for (std::size_t i = v == 0 ? 0 : v - 1; i < layers.size(); ++i) {
        spec.layers.push_back(
            {c.model.network.layer(layers[i]).name,
             {{Scheme::uniform, static_cast<std::uint8_t>(2 + v % 5), Granularity::per_channel},
              ScaleRule::mse,
              0.0},
             {}});
      }
      networks.push_back(quantize(c.model, spec));
    }
    // A layer is as in the variant before while no weights differ up to it.
    std::vector<std::vector<std::uint32_t>> lineages;
    for (std::size_t v = 0; v < networks.size(); ++v) {
      std::vector<std::uint32_t>& lineage = lineages.emplace_back();
      bool same = v > 0;
      for (std::uint32_t i = 0; i < c.model.network.size(); ++i) {
        const auto& synapses = networks[v].layer({i}).synapses;
        if (same && synapses) {
          same = synapses->tensor == networks[v - 1].layer({i}).synapses->tensor;
        }
        lineage.push_back(same ? lineages[v - 1][i] : static_cast<std::uint32_t>(v));
      }
    }
    for (std::size_t v = 0; v < networks.size(); ++v) {
      variants.push_back({&networks[v], lineages[v]});
    }
    for (const unsigned threads : {1U, 3U}) {
      std::vector<std::vector<Execution>> seen(c.samples.size(),
                                               std::vector<Execution>(variants.size()));
      execute_variants(
          variants, 1, c.samples.size(),
          [&](std::size_t i) -> const GradedTensor& { return c.samples[i]; },
          [&](std::size_t i, std::size_t v, const Execution& run) {
            seen[i][v].activity = run.activity;
            seen[i][v].logits = run.logits;
          },
          threads);
      for (std::size_t i = 1; i < c.samples.size(); ++i) {
        for (std::size_t v = 0; v < variants.size(); ++v) {
          const Execution alone = execute(networks[v], c.samples[i]);
          CHECK(seen[i][v].logits == alone.logits);
          CHECK(seen[i][v].activity == alone.activity);
        }
      }
    }
  }
}

TEST_CASE("calibration refuses what it cannot do") {
  const Case c(4);
  CHECK_THROWS_WITH_AS(Calibrator(c.model, {}, {}, 1), "calibration needs samples", Error);
}

TEST_CASE("a model that is quantized already keeps its integers, and takes no rule") {
  const Case c(5);
  Calibrator calibrator(c.model, c.samples, {}, 1);
  (void)calibrator.quantize(c.rules({Scheme::uniform, 3, Granularity::per_channel}), words_of({}));
  const Model& model = calibrator.model();
  const std::string name = model.network.layer(model.network.weighted_layers()[0]).name;
  QuantizationSpec spec;
  spec.layers.push_back({name, {}, {.file = "s.yaml", .line = 3}});
  CHECK_THROWS_WITH_AS(quantize(model, spec),
                       ("s.yaml:3: layer '" + name + "' is quantized already, as uniform3").c_str(),
                       Error);
  Model broken = model;
  broken.weights[model.network.weighted_layers()[0].index]->integers->integers[2] = 4;
  CHECK_THROWS_WITH_AS(quantize(broken, {}),
                       (name + ": integer 2 is 4, uniform3 has up to 3").c_str(), Error);
}

}  // namespace

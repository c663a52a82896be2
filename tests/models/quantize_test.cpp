// Question: do codes, scales, thresholds and adder widths come out as worked by hand, and are bad
// specifications refused at their place?
#include "neurojoule/models/quantize.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "neurojoule/core/error.hpp"

#include "random_model.hpp"

namespace {

using namespace nj;
using Integers = std::vector<std::int16_t>;

WeightRule rule(Scheme scheme, int bits, ScaleRule scale_rule, double scale = 0.0,
                Granularity granularity = Granularity::per_tensor) {
  return {{scheme, static_cast<std::uint8_t>(bits), granularity}, scale_rule, scale};
}

TEST_CASE("uniform: symmetric range, halves away from zero, clipped") {
  // scale 1/4, 3 bits: codes -3..3. 0.375 / 0.25 = 1.5 -> 2; -0.125 / 0.25 = -0.5 -> -1;
  // 2.0 / 0.25 = 8 -> 3.
  const std::vector<float> weights{0.375F, -0.125F, 0.1F, 2.0F, -2.0F, 0.0F};
  const auto tensor = quantize_tensor(weights, 2, rule(Scheme::uniform, 3, ScaleRule::fixed, 0.25));
  CHECK(tensor.integers == Integers{2, -1, 0, 3, -3, 0});
  CHECK(tensor.scales == std::vector<double>{0.25});
}

TEST_CASE("max rule: the largest magnitude of each channel takes the largest code") {
  // 4 bits: largest code 7. Channel 0: 3.5 / 7 = 0.5; channel 1: 0.7 / 7 = 0.1.
  const std::vector<float> weights{3.5F, -1.0F, 0.7F, -0.7F};
  const auto tensor = quantize_tensor(
      weights, 2, rule(Scheme::uniform, 4, ScaleRule::max, 0.0, Granularity::per_channel));
  CHECK(tensor.integers == Integers{7, -2, 7, -7});
  REQUIRE(tensor.scales.size() == 2);
  CHECK(tensor.scales[0] == 0.5);
  CHECK(tensor.scales[1] == doctest::Approx(0.1).epsilon(1e-7));
}

TEST_CASE("percentile rule: so many per cent of the magnitudes are not clipped") {
  // 3 bits: largest code 3. 75 % of four magnitudes: the third smallest, 1.5: scale 0.5; 6 is
  // clipped. 75.1 % takes the fourth: scale 2.
  const std::vector<float> weights{6.0F, -1.0F, 0.5F, -1.5F};
  const auto clipped =
      quantize_tensor(weights, 1, rule(Scheme::uniform, 3, ScaleRule::percentile, 75.0));
  CHECK(clipped.scales == std::vector<double>{0.5});
  CHECK(clipped.integers == Integers{3, -2, 1, -3});
  CHECK(quantize_tensor(weights, 1, rule(Scheme::uniform, 3, ScaleRule::percentile, 75.1)).scales ==
        std::vector<double>{2.0});
  // Zero point, 2 bits, -1 .. 2: span 3 in 3 steps; half of 4 magnitudes are up to 1: half of 1.
  auto offset = rule(Scheme::uniform, 2, ScaleRule::percentile, 50.0);
  offset.format.zero_point = true;
  CHECK(quantize_tensor(std::vector<float>{-1.0F, 2.0F, 1.0F, 2.0F}, 1, offset).scales ==
        std::vector<double>{0.5});
  // Where most weights are zero the percentile says nothing.
  CHECK(quantize_tensor(std::vector<float>{0.0F, 0.0F, 3.0F}, 1,
                        rule(Scheme::uniform, 3, ScaleRule::percentile, 50.0))
            .scales == std::vector<double>{1.0});
}

TEST_CASE("power of two: nearest level in linear distance, ties to the larger magnitude") {
  // 3 bits: levels 0, 2^0, 2^-1, 2^-2 times scale 1; integers are level * 2^2: 0, 4, 2, 1.
  // Borders: 0.75 (to 1), 0.375 (to 1/2), 0.125 (to 1/4).
  const std::vector<float> weights{1.0F, 0.75F, 0.74F, -0.375F, 0.37F, 0.125F, 0.12F, -9.0F};
  const auto tensor =
      quantize_tensor(weights, 1, rule(Scheme::power_of_two, 3, ScaleRule::fixed, 1.0));
  CHECK(tensor.integers == Integers{4, 4, 2, -2, 1, 1, 0, -4});
  CHECK(tensor.scales == std::vector<double>{0.25});
  // 2 bits are ternary: 0, +-1; 5 bits reach 2^14 and 2^-14.
  CHECK(
      quantize_tensor(weights, 1, rule(Scheme::power_of_two, 2, ScaleRule::fixed, 1.0)).integers ==
      Integers{1, 1, 1, 0, 0, 0, 0, -1});
  CHECK(quantize_tensor(std::vector<float>{1.0F, 0x1p-14F, 0x1p-16F}, 1,
                        rule(Scheme::power_of_two, 5, ScaleRule::fixed, 1.0))
            .integers == Integers{16384, 1, 0});
  // More bits have no deeper level to code.
  for (const int bits : {6, 16}) {
    auto wide = rule(Scheme::power_of_two, bits, ScaleRule::fixed, 1.0);
    CHECK(
        quantize_tensor(weights, 1, wide).integers ==
        quantize_tensor(weights, 1, rule(Scheme::power_of_two, 5, ScaleRule::fixed, 1.0)).integers);
  }
}

TEST_CASE("ternary and binary weights: least squared error, zero becomes +1 in binary") {
  const std::vector<float> weights{1.0F, -1.0F, 0.0F, 0.5F};
  const auto binary = quantize_tensor(weights, 1, rule(Scheme::binary, 1, ScaleRule::mse, 0.0));
  CHECK(binary.integers == Integers{1, -1, 1, 1});
  CHECK(binary.scales == std::vector<double>{0.625});  // (1 + 1 + 0 + 0.5) / 4
  // fixed scale 1: 0.5 is a tie between 0 and 1, and goes to the larger.
  const auto ternary = quantize_tensor(weights, 1, rule(Scheme::ternary, 2, ScaleRule::fixed, 1.0));
  CHECK(ternary.integers == Integers{1, -1, 0, 1});
}

TEST_CASE("zero point: codes span the weights and 0, integers are codes less the zero point") {
  // 2 bits, weights -1 .. 2: scale 3 / 3 = 1, zero point 1: codes 0 1 2 3 are -1 0 1 2.
  auto offset = rule(Scheme::uniform, 2, ScaleRule::max, 0.0);
  offset.format.zero_point = true;
  const auto tensor = quantize_tensor(std::vector<float>{-1.0F, 2.0F, 0.6F, 0.0F}, 1, offset);
  CHECK(tensor.scales == std::vector<double>{1.0});
  CHECK(tensor.integers == Integers{-1, 2, 1, 0});
  // All above zero: the zero point is 0 and all four codes serve 0 .. 3.
  CHECK(quantize_tensor(std::vector<float>{3.0F, 2.0F, 1.0F}, 1, offset).integers ==
        Integers{3, 2, 1});
}

TEST_CASE("groups: runs of a channel have its scale times a power of two") {
  // 3 bits (levels 0..3), runs of 2. Largest magnitudes 3, 0.75, 0.3: own scales 1, 0.25, 0.1.
  // 1 / 0.1 is 3.3 octaves, so the channel's scale is 1 / 2^4; the runs' shifts are 4,
  // ceil(log2(0.25 * 16)) = 2 and ceil(log2(0.1 * 16)) = 1: scales 1, 0.25, 0.125.
  auto grouped = rule(Scheme::uniform, 3, ScaleRule::max, 0.0);
  grouped.format.granularity = Granularity::per_group;
  grouped.format.group = 2;
  const auto tensor =
      quantize_tensor(std::vector<float>{3.0F, -1.0F, 0.75F, 0.5F, 0.3F}, 1, grouped);
  CHECK(tensor.scales == std::vector<double>{0.0625});
  // 3 and -1 units of 1; 3 and 2 of 0.25; 0.3 / 0.125 = 2.4: 2 units of 0.125.
  CHECK(tensor.integers == Integers{48, -16, 12, 8, 4});
}

double squared_error(const std::vector<float>& weights, const QuantizedTensor& tensor) {
  double sum = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sum += std::pow(double{weights[i]} - tensor.integers[i] * tensor.scales[0], 2);
  }
  return sum;
}

TEST_CASE("mse rule: never worse than max, clearly better with an outlier at few bits") {
  nj::test::Random random(1);
  for (const Scheme scheme :
       {Scheme::uniform, Scheme::power_of_two, Scheme::additive_power_of_two}) {
    for (const int bits : {2, 3, 4, 5}) {
      std::vector<float> weights;
      for (int i = 0; i < 500; ++i) weights.push_back(random.symmetric());
      weights.push_back(4.0F);
      const double mse =
          squared_error(weights, quantize_tensor(weights, 1, rule(scheme, bits, ScaleRule::mse)));
      const double max =
          squared_error(weights, quantize_tensor(weights, 1, rule(scheme, bits, ScaleRule::max)));
      CAPTURE(bits);
      CHECK(mse <= max);
      if (scheme == Scheme::uniform && bits <= 3) CHECK(mse < 0.8 * max);
    }
  }
}

TEST_CASE("error falls as bits grow") {
  nj::test::Random random(2);
  std::vector<float> weights;
  for (int i = 0; i < 1000; ++i) weights.push_back(random.symmetric());
  double last = 1e9;
  for (int bits = 2; bits <= 16; ++bits) {
    const double error = squared_error(
        weights, quantize_tensor(weights, 1, rule(Scheme::uniform, bits, ScaleRule::mse)));
    CHECK(error < 0.5 * last);
    last = error;
  }
}

TEST_CASE("channels of zeros take the largest scale, or 1/128; tiny ones the least allowed") {
  const std::vector<float> weights{0.0F, 0.0F, 0.7F, 0.0F, 0.0007F, 0.0F};
  const auto format = rule(Scheme::uniform, 4, ScaleRule::max, 0.0, Granularity::per_channel);
  const auto tensor = quantize_tensor(weights, 3, format, 0.0005);
  CHECK(tensor.scales[0] == tensor.scales[1]);
  CHECK(tensor.scales[2] == 0.0005);
  CHECK(tensor.integers == Integers{0, 0, 7, 0, 1, 0});
  CHECK(quantize_tensor(std::vector<float>(4, 0.0F), 2, format).scales ==
        std::vector<double>{1.0 / 128, 1.0 / 128});
}

/// Input [2, 4, 4] up to 3 -> conv3x3 to 2 channels -> lif -> head of 2 classes.
Model small_model(std::vector<float> weight, std::vector<float> bias) {
  Model model{Network::build({{"input", Input{{2, 4, 4}, 3}, {}},
                              {"stem.conv", Conv2d{2, 2, 3, 1, 1}, {{"input", Port::input}}},
                              {"stem.lif", Lif{2.0, 1.0}, {{"stem.conv", Port::input}}},
                              {"head", ClassifierHead{2, 2}, {{"stem.lif", Port::input}}}}),
              {},
              4};
  model.weights.resize(4);
  model.weights[1] = LayerWeights{std::move(weight), std::move(bias)};
  model.weights[3] = LayerWeights{{1.0F, -1.0F, 0.5F, 0.0F}, {0.25F, -0.5F}};
  return model;
}

Model halves_and_tenths() {
  std::vector<float> weight(36, 0.5F);
  std::fill(weight.begin() + 18, weight.end(), -0.1F);
  return small_model(weight, {0.25F, -0.3F});
}

QuantizationSpec max_spec(int bits, FixedPointFormat membrane) {
  QuantizationSpec spec;
  spec.default_rule = rule(Scheme::uniform, bits, ScaleRule::max, 0.0, Granularity::per_channel);
  spec.membrane = membrane;
  return spec;
}

TEST_CASE("thresholds, biases and adder widths by hand") {
  const QuantizedNetwork network =
      quantize(halves_and_tenths(), max_spec(4, {16, 4, Rounding::nearest_half_up}));
  // Channel 0: scale 0.5 / 7, unit 0.5 / 112: threshold 224, bias 56.
  // Channel 1: scale 0.1 / 7, unit 0.1 / 112: threshold 1120, bias -336.
  const Neurons& neurons = *network.layer({2}).neurons;
  CHECK(neurons.wide.threshold == std::vector<std::int64_t>{224, 1120});
  CHECK(neurons.wide.bias == std::vector<std::int64_t>{56, -336});
  CHECK(neurons.wide.leak_q16 == 32768);
  CHECK(neurons.narrow.has_value());
  // 18 inputs of up to 3 times codes of up to 7: 378 needs 10 bits with sign.
  CHECK(network.accumulator_bits({1}) == 10);
  // Head: 2 channels x spikes x 7 over 4 steps and 16 positions: 896 needs 11 bits.
  CHECK(network.accumulator_bits({3}) == 11);
  CHECK(network.weight_format({3}).granularity == Granularity::per_tensor);
  CHECK(network.weight_format({1}).bits == 4);
  // Head: scale 1/7, unit 1 / (7 * 64); biases 0.25 * 448 = 112, -224.
  CHECK(network.layer({3}).head->bias == std::vector<std::int64_t>{112, -224});
  // 36 weights of 4 bits, 2 scales; 4 head weights, 1 scale.
  CHECK(network.weight_storage_bits() == 36 * 4 + 2 * 32 + 4 * 4 + 32);
  CHECK_THROWS_AS(static_cast<void>(network.weight_format({2})), Error);
}

TEST_CASE("a threshold that does not fit the membrane names layer and bits") {
  // Largest scale 0.5 / 127: threshold 254 * 2^8 = 65024 needs 17 bits.
  CHECK_THROWS_WITH_AS(
      quantize(halves_and_tenths(), max_spec(8, {16, 8, Rounding::nearest_half_up})),
      "stem.conv: the threshold is 65024 membrane units and needs a word of 17 bits, the membrane "
      "has 16; use fewer weight bits or fraction bits",
      Error);
  // In 17 bits the channel of tenths does not fit: 325120 > 65535; its scale is raised.
  const QuantizedNetwork network =
      quantize(halves_and_tenths(), max_spec(8, {17, 8, Rounding::nearest_half_up}));
  CHECK(network.layer({2}).neurons->wide.threshold == std::vector<std::int64_t>{65024, 65535});
  CHECK(network.layer({1}).synapses->tensor.scales[1] ==
        doctest::Approx(256.0 / 65535).epsilon(1e-12));
  // A fixed scale is never changed.
  QuantizationSpec spec = max_spec(8, {17, 8, Rounding::nearest_half_up});
  spec.default_rule.scale_rule = ScaleRule::fixed;
  spec.default_rule.scale = 0.001;
  CHECK_THROWS_AS(quantize(halves_and_tenths(), spec), Error);
}

TEST_CASE("accumulators over 32 bits and thresholds below one unit are refused") {
  const Network network =
      Network::build({{"input", Input{{4096, 3, 3}, 255}, {}},
                      {"conv", Conv2d{4096, 1, 3, 1, 0}, {{"input", Port::input}}},
                      {"lif", Lif{}, {{"conv", Port::input}}}});
  const Model model = nj::test::random_model(network, 1, 1);
  // 4096 * 9 * 255 * 32767 = 3.08e11 needs 40 bits.
  try {
    quantize(model, max_spec(16, {32, 0, Rounding::nearest_half_up}));
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::capacity);
    CHECK(std::string(error.what()).find("accumulator of 40 bits, over 32") != std::string::npos);
  }
  QuantizationSpec spec = max_spec(8, {16, 0, Rounding::nearest_half_up});
  spec.default_rule.scale_rule = ScaleRule::fixed;
  spec.default_rule.scale = 4.0;  // threshold 1 / 4 of a unit
  CHECK_THROWS_AS(quantize(halves_and_tenths(), spec), Error);
}

TEST_CASE("model and graph errors name the layer") {
  Model model = halves_and_tenths();
  model.weights[1]->weight[7] = std::nanf("");
  CHECK_THROWS_WITH_AS(quantize(model, {}), "stem.conv: weight element 7 is nan", Error);
  model = halves_and_tenths();
  model.weights[1]->bias.pop_back();
  CHECK_THROWS_WITH_AS(quantize(model, {}), "stem.conv: expected 2 bias values, got 1", Error);
  const Network open = Network::build({{"input", Input{{1, 2, 2}, 1}, {}},
                                       {"conv", Conv2d{1, 1, 1, 1, 0}, {{"input", Port::input}}}});
  CHECK_THROWS_WITH_AS(quantize(nj::test::random_model(open, 1, 1), {}),
                       "conv: nothing reads its current", Error);
}

QuantizationSpec parse(const std::string& text) {
  const YamlDocument document = YamlDocument::parse(text, "scenario.yaml");
  QuantizationSpec spec = read_quantization_spec(document.root());
  document.finish();
  return spec;
}

TEST_CASE("specification: defaults, patterns, later ones win, round trip") {
  const QuantizationSpec spec = parse(
      "default: {scheme: uniform, bits: 6, granularity: tensor, scale: max}\n"
      "layers:\n"
      "  \"stem.*\": {bits: 4}\n"
      "  \"*.con?\": {scheme: power-of-two, bits: 3, scale: 0.5}\n"
      "  \"stem.c*\": {scheme: power-of-two, bits: 3, scale: 99.5 %}\n"
      "  head: {scheme: float32}\n"
      "membrane: {bits: 20, fraction_bits: 4, rounding: floor}\n");
  CHECK(spec.default_rule == rule(Scheme::uniform, 6, ScaleRule::max));
  REQUIRE(spec.layers.size() == 4);
  CHECK(spec.layers[0].rule == rule(Scheme::uniform, 4, ScaleRule::max));
  CHECK(spec.membrane == FixedPointFormat{20, 4, Rounding::floor});
  const auto rules = resolve(spec, halves_and_tenths());
  REQUIRE(rules.size() == 2);
  CHECK(spec.layers[1].rule == rule(Scheme::power_of_two, 3, ScaleRule::fixed, 0.5));
  CHECK(rules[0] == rule(Scheme::power_of_two, 3, ScaleRule::percentile, 99.5));
  CHECK(rules[1].format == NumberFormat{});
  CHECK(to_yaml(parse(to_yaml(spec)), 2) == to_yaml(spec, 2));
  CHECK(to_yaml(parse("{}")) ==
        "default: {scheme: uniform, bits: 8, granularity: channel, scale: mse}\n"
        "membrane: {bits: 24, fraction_bits: 8, rounding: nearest_half_up}\n"
        "stream: {bits: 16, fraction_bits: 8}\n"
        "accumulator: {bits: 32, overflow: saturate}\n"
        "attention_score: {bits: 32, overflow: saturate}\n");
}

std::string error_of(const std::string& text) {
  try {
    resolve(parse(text), halves_and_tenths());
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    return error.what();
  }
  return "no error";
}

void check_contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("specification errors stand at their line and say what is valid") {
  check_contains(error_of("layers:\n  stem.cnv: {bits: 4}\n"), "scenario.yaml:2:");
  check_contains(error_of("layers:\n  stem.cnv: {bits: 4}\n"), "did you mean 'stem.conv'?");
  check_contains(error_of("layers: {stem.lif: {bits: 4}}"), "matches no layer with weights");
  check_contains(error_of("default: {bits: 17}"), "scenario.yaml:1:");
  check_contains(error_of("default: {scheme: power-of-two, bits: 17}"),
                 "power_of_two takes 2..16 bits, got 17");
  check_contains(error_of("default: {scheme: trinary}"), "power-of-two");
  check_contains(error_of("default: {scheme: ternary, bits: 3}"), "ternary takes 2..2 bits, got 3");
  check_contains(error_of("default: {scale: tiny}"),
                 "expected mse, max, a percentile as 99.9 %, or a number");
  check_contains(error_of("default: {scale: 101 %}"), "up to 100 %, got '101 %'");
  check_contains(error_of("default: {scale: 09.5 %}"), "a leading zero is ambiguous, got '09.5 %'");
  check_contains(error_of("default: {scale: x %}"), "expected a percentile above 0 %");
  check_contains(error_of("default: {scale: -1}"), "scenario.yaml:1:");
  check_contains(error_of("default: {scheme: float32, bits: 8}"), "float32 weights take no such");
  check_contains(error_of("membrane: {bits: 8, fraction_bits: 7}"), "scenario.yaml:1:");
  check_contains(error_of("defualt: {bits: 8}"), "did you mean 'default'?");
}

}  // namespace

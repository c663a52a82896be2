// Question: does the executor mean the same as the dense reference for every operator and option?
// Random graphs of convolutions with unequal kernels, strides, dilation and groups, all neuron
// options, pooling before and after neurons, membrane streams, coincidences, sums and flattening.
#include <optional>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/execute.hpp"
#include "neurojoule/models/quantize.hpp"

#include "dense_reference.hpp"
#include "random_graph.hpp"
#include "random_model.hpp"
#include "random_recurrent_graph.hpp"

namespace {

using namespace nj;
using nj::test::Random;
using nj::test::RandomGraph;
using nj::test::RandomRecurrentGraph;

QuantizationSpec random_spec(Random& random) {
  QuantizationSpec spec;
  NumberFormat& format = spec.default_rule.format;
  switch (random.integer(0, 3)) {
    case 0:
      format = NumberFormat{};
      break;
    case 1:
      format = {Scheme::power_of_two, 4, Granularity::per_channel};
      break;
    default:
      format = {Scheme::uniform, random.pick<std::uint8_t>({2, 4, 8, 12}),
                random.pick({Granularity::per_channel, Granularity::per_tensor})};
  }
  spec.membrane.rounding = random.pick({Rounding::nearest_half_up, Rounding::floor});
  if (random.integer(0, 2) == 0) {
    spec.accumulator.bits = static_cast<std::uint8_t>(random.integer(4, 16));
    spec.accumulator.overflow = random.pick({Overflow::saturate, Overflow::wrap});
    spec.score = {static_cast<std::uint8_t>(random.integer(2, 6)), spec.accumulator.overflow};
  }
  spec.membrane.fraction_bits = static_cast<std::uint8_t>(random.integer(0, 8));
  spec.membrane.bits = static_cast<std::uint8_t>(random.integer(18, 32));
  spec.stream.fraction_bits = static_cast<std::uint8_t>(random.integer(2, 8));
  spec.stream.bits = static_cast<std::uint8_t>(random.integer(spec.stream.fraction_bits + 2U, 20));
  return spec;
}

/// What the networks of a test were and did.
struct Seen {
  std::set<std::string> kinds;
  StepCounts counts;
  std::uint32_t compared = 0;
};

/// Runs random networks in the executor, at 1 and 3 threads, and in the dense reference.
Seen compare(std::uint64_t count, bool recurrent) {
  Seen seen;
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    CAPTURE(seed);
    Random random(seed, 4);
    const Network network =
        recurrent ? RandomRecurrentGraph(seed).build() : RandomGraph(seed).build();
    CHECK(network.has_delays() == recurrent);
    const std::uint32_t timesteps = random.integer(1, recurrent ? 8 : 5);
    const Model model = nj::test::random_model(network, timesteps, seed, 2.0F);
    std::optional<QuantizedNetwork> quantized;
    try {
      quantized = quantize(model, random_spec(random));
    } catch (const Error& error) {
      const bool expected =
          error.kind() == ErrorKind::capacity || error.kind() == ErrorKind::numeric;
      CHECK_MESSAGE(expected, error.what());
      continue;
    }
    const auto& input = std::get<Input>(network.layer({0}).op);
    GradedTensor frames =
        nj::test::random_frames(timesteps, input.shape, static_cast<std::uint32_t>(input.max_value),
                                random.pick({5U, 20U, 60U}), seed, input.min_value);
    for (std::uint32_t t = 1; seed % 4 == 0 && t < timesteps; ++t) {  // an image
      std::copy(frames.step(0).begin(), frames.step(0).end(), frames.step(t).begin());
    }
    const auto reference = nj::test::execute_dense(model, *quantized, frames);
    for (const unsigned threads : {1U, 3U}) {
      const Execution run = execute(*quantized, frames, {.keep_trace = true, .threads = threads});
      CHECK(run.activity == reference.activity);
      CHECK(run.logits == reference.logits);
      for (std::uint32_t i = 0; i < network.size(); ++i) {
        CAPTURE(network.layer({i}).name);
        const auto& train = (*run.trace)[i];
        REQUIRE(train.has_value() == network.max_output({i}).has_value());
        if (train) CHECK(nj::test::equal(reference.outputs[i], *train));
      }
    }
    for (const LayerSpec& layer : network.layers()) {
      seen.kinds.insert(std::string(kind_name(layer.op)));
    }
    seen.counts += reference.activity.total();
    ++seen.compared;
  }
  MESSAGE("networks compared: " << seen.compared);
  return seen;
}

TEST_CASE("every operator and option: executor and dense reference agree on 400 random graphs") {
  const Seen seen = compare(400, false);
  CHECK(seen.compared >= 250);  // the rest have formats that do not fit each other
  CHECK(seen.kinds.size() == 12);
  CHECK(seen.counts.spikes > 10000);
  CHECK(seen.counts.stream_additions > 10000);
  CHECK(seen.counts.saturations > 100);
  CHECK(seen.counts.overflows > 100);
  CHECK(seen.counts.attention_coincidences > 1000);
}

TEST_CASE("cycles: executor and dense reference agree on 300 random recurrent graphs") {
  const Seen seen = compare(300, true);
  CHECK(seen.compared >= 200);
  CHECK(seen.kinds.size() == 13);  // attention too
  CHECK(seen.counts.spikes > 10000);
  CHECK(seen.counts.stream_additions > 10000);
  CHECK(seen.counts.saturations > 100);
  CHECK(seen.counts.overflows > 100);
  CHECK(seen.counts.attention_accumulates > 1000);
}

}  // namespace

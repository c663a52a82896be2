// Question: how many weights per second does the search for the scale of least squared error take,
// against the scalar reference, and how long does a whole network take to quantize?
#include <benchmark/benchmark.h>

#include "neurojoule/models/family.hpp"
#include "neurojoule/models/quantize.hpp"

#include "random_model.hpp"
#include "scale_search.hpp"

namespace nj {
namespace {

/// A channel of 2304 bell-shaped weights, as of conv3x3 behind 256 channels.
std::vector<float> bell_shaped_channel() {
  nj::test::Random random(1);
  std::vector<float> weights(2304);
  for (float& w : weights) {
    w = (random.symmetric() + random.symmetric() + random.symmetric()) / 3.0F;
  }
  return weights;
}

constexpr Scheme schemes[] = {Scheme::uniform, Scheme::power_of_two, Scheme::additive_power_of_two};

template <class Search>
void search_channel(benchmark::State& state, Search&& search) {
  const std::vector<float> weights = bell_shaped_channel();
  const NumberFormat format{schemes[state.range(0)], static_cast<std::uint8_t>(state.range(1))};
  const Levels levels(format);
  for (auto _ : state) {
    benchmark::DoNotOptimize(search(std::span(weights), levels, 1.0 / levels.largest()));
  }
  state.SetLabel(to_string(format));
  state.counters["weights/s"] = benchmark::Counter(
      static_cast<double>(state.iterations() * weights.size()), benchmark::Counter::kIsRate);
}

void scale_search(benchmark::State& state) {
  search_channel(state, [](std::span<const float> weights, const Levels& levels, double widest) {
    return least_error_scale(weights, levels, widest);
  });
}
void scale_search_ref(benchmark::State& state) {
  search_channel(state, [](std::span<const float> weights, const Levels& levels, double widest) {
    return least_error_scale_ref(weights, levels, widest);
  });
}
BENCHMARK(scale_search)->ArgNames({"scheme", "bits"})->ArgsProduct({{0, 1, 2}, {8, 4, 3}});
BENCHMARK(scale_search_ref)->ArgNames({"scheme", "bits"})->ArgsProduct({{0, 1, 2}, {8, 4, 3}});

/// Spikformer-8-512 of images: 29.7 M weights, all threads, layouts for the kernels included.
void spikformer_8_512(benchmark::State& state) {
  FamilyParameters parameters;
  parameters.input = {3, 224, 224};
  parameters.embed_dims = 512;
  parameters.depths = {8};
  parameters.heads = 8;
  parameters.pool = {true, true, true, true};
  const Model model = nj::test::random_model(build_network(parameters), 4, 1);
  QuantizationSpec spec;
  spec.default_rule.format.bits = static_cast<std::uint8_t>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(quantize(model, spec));
}
BENCHMARK(spikformer_8_512)
    ->ArgName("bits")
    ->Arg(8)
    ->Arg(4)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nj

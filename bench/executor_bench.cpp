// Questions: how many synaptic additions per second does the row kernel make, against additions of
// 16-bit registers alone on the same machine? How many samples per second run end to end?
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "executor_bench.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <benchmark/benchmark.h>

#include "neurojoule/models/execute.hpp"
#include "neurojoule/models/family.hpp"
#include "neurojoule/models/quantize.hpp"

#include "random_model.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Keeps additions of the same value apart, which a compiler would else merge.
template <class V>
HWY_INLINE void hold(V& a, V& b, V& c, V& d) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  __asm__("" : "+v"(a.raw), "+v"(b.raw), "+v"(c.raw), "+v"(d.raw));
#else
  benchmark::DoNotOptimize(a);
  benchmark::DoNotOptimize(b);
  benchmark::DoNotOptimize(c);
  benchmark::DoNotOptimize(d);
#endif
}

/// Adds 16-bit lanes in eight independent registers; returns how many additions it made.
std::size_t add_registers(std::size_t rounds, std::int16_t* out) {
  const hn::ScalableTag<std::int16_t> d;
  const auto step = hn::Set(d, out[0]);
  auto a = step, b = step, c = step, e = step, f = step, g = step, h = step, i = step;
  for (std::size_t round = 0; round < rounds; ++round) {
    a = hn::Add(a, step);
    b = hn::Add(b, step);
    c = hn::Add(c, step);
    e = hn::Add(e, step);
    f = hn::Add(f, step);
    g = hn::Add(g, step);
    h = hn::Add(h, step);
    i = hn::Add(i, step);
    hold(a, b, c, e);
    hold(f, g, h, i);
  }
  const auto all =
      hn::Xor(hn::Xor(hn::Xor(a, b), hn::Xor(c, e)), hn::Xor(hn::Xor(f, g), hn::Xor(h, i)));
  hn::StoreU(all, d, out);
  return rounds * 8 * hn::Lanes(d);
}

}  // namespace HWY_NAMESPACE
}  // namespace nj
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {
HWY_EXPORT(add_registers);

namespace {

benchmark::Counter per_second(std::uint64_t count) {
  return benchmark::Counter(static_cast<double>(count), benchmark::Counter::kIsRate);
}

void peak_register_adds(benchmark::State& state) {
  std::int16_t out[64] = {1};
  std::uint64_t adds = 0;
  for (auto _ : state) {
    adds += HWY_DYNAMIC_DISPATCH(add_registers)(4096, out);
    benchmark::DoNotOptimize(out);
  }
  state.counters["adds"] = per_second(adds);
  state.SetLabel(simd_target());
}
BENCHMARK(peak_register_adds);

/// One weighted layer behind binary input; `density` in percent.
void run_layer(benchmark::State& state, const FeatureShape& input, const Conv2d& conv,
               bool is_float) {
  const Network network = Network::build({{"input", Input{input, 1}, {}},
                                          {"conv", conv, {{"input", Port::input}}},
                                          {"lif", Lif{}, {{"conv", Port::input}}}});
  QuantizationSpec spec;
  if (is_float) spec.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
  const QuantizedNetwork quantized = quantize(nj::test::random_model(network, 4, 1), spec);
  const GradedTensor frames =
      nj::test::random_frames(4, input, 1, static_cast<std::uint32_t>(state.range(0)), 1);
  ExecutionContext context(quantized);
  std::uint64_t adds = 0;
  for (auto _ : state) {
    adds += execute(quantized, frames, {}, context).activity.layers[1].total().binary_accumulates;
  }
  state.counters["adds"] = per_second(adds);
}

void linear_256_1024(benchmark::State& state) {
  run_layer(state, {256, 8, 8}, {256, 1024, 1, 1, 0}, false);
}
void linear_256_1024_float(benchmark::State& state) {
  run_layer(state, {256, 8, 8}, {256, 1024, 1, 1, 0}, true);
}
void conv3x3_64_128(benchmark::State& state) {
  run_layer(state, {64, 32, 32}, {64, 128, 3, 1, 1}, false);
}
void conv3x3_12_24(benchmark::State& state) {
  run_layer(state, {12, 17, 17}, {12, 24, 3, 1, 1}, false);
}
BENCHMARK(linear_256_1024)->Arg(5)->Arg(10)->Arg(20);
BENCHMARK(linear_256_1024_float)->Arg(10);
BENCHMARK(conv3x3_64_128)->Arg(5)->Arg(10)->Arg(20);
BENCHMARK(conv3x3_12_24)->Arg(10);

/// A whole Spikformer with random weights, one thread. Input density 8 %; `gain` sets the spikes.
void run_spikformer(benchmark::State& state, const FamilyParameters& parameters,
                    std::uint32_t timesteps, float gain) {
  const Network network = build_network(parameters);
  const QuantizedNetwork quantized =
      quantize(nj::test::random_model(network, timesteps, 1, gain, 0.3F), {});
  const GradedTensor frames = nj::test::random_frames(timesteps, parameters.input, 4, 8, 1);
  ExecutionContext context(quantized);
  Activity activity;
  for (auto _ : state) activity += execute(quantized, frames, {}, context).activity;
  const StepCounts total = activity.total();
  state.counters["samples"] = per_second(activity.samples);
  state.counters["adds"] =
      per_second(total.binary_accumulates + total.graded_multiplies + total.attention_accumulates);
  std::uint64_t spikes = 0;
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    if (std::holds_alternative<Lif>(network.layer({i}).op)) {
      spikes += activity.layers[i].total().spikes;
    }
  }
  state.counters["density"] =
      static_cast<double>(spikes) / static_cast<double>(total.neuron_updates);
}

void spikformer_2_256_t16(benchmark::State& state) {
  FamilyParameters p;
  p.input = {2, 128, 128};
  p.embed_dims = 256;
  p.heads = 16;
  p.pool = {true, true, true, true};
  run_spikformer(state, p, 16, 1.0F);
}
void spikformer_2_96_t4(benchmark::State& state) { run_spikformer(state, {}, 4, 1.0F); }
BENCHMARK(spikformer_2_96_t4)->Unit(benchmark::kMillisecond);
BENCHMARK(spikformer_2_256_t16)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nj
#endif  // HWY_ONCE

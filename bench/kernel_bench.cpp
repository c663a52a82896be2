// Question: how close to the machine's limits are the kernels below the executor? Three limits are
// measured beside each: additions of registers alone; additions of rows that are loaded from the L1
// cache; and, the peak of weights of up to 8 bits, additions of such rows to 16-bit sums that stay
// in registers, row after row, without any list of events.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel_bench.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <chrono>
#include <limits>
#include <type_traits>

#include <benchmark/benchmark.h>

#include "neurojoule/models/execute.hpp"

#include "attention.hpp"
#include "convolution.hpp"
#include "neurons.hpp"
#include "random_model.hpp"
#include "spike_pooling.hpp"

#ifndef NJ_BENCH_L1_BYTES
#define NJ_BENCH_L1_BYTES
namespace nj {
/// What the loops over memory read; half an L1 cache of today.
constexpr std::size_t l1_bytes = 16384;
}  // namespace nj
#endif

HWY_BEFORE_NAMESPACE();
namespace nj {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Keeps additions of the same value apart, which a compiler would else merge.
template <class V>
HWY_INLINE void hold(V& v) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  __asm__("" : "+v"(v.raw));
#else
  benchmark::DoNotOptimize(v);
#endif
}

/// Adds a register to eight independent registers; returns how many additions it made.
template <class T>
std::size_t add_registers(std::size_t rounds, T* data) {
  const hn::ScalableTag<T> d;
  const auto one = hn::Load(d, data);
  auto a = one, b = a, c = a, e = a, f = a, g = a, h = a, i = a;
  for (std::size_t round = 0; round < rounds; ++round) {
    a = hn::Add(a, one), hold(a);
    b = hn::Add(b, one), hold(b);
    c = hn::Add(c, one), hold(c);
    e = hn::Add(e, one), hold(e);
    f = hn::Add(f, one), hold(f);
    g = hn::Add(g, one), hold(g);
    h = hn::Add(h, one), hold(h);
    i = hn::Add(i, one), hold(i);
  }
  hn::Store(hn::Xor(hn::Xor(hn::Xor(a, b), hn::Xor(c, e)), hn::Xor(hn::Xor(f, g), hn::Xor(h, i))),
            d, data);
  return rounds * 8 * hn::Lanes(d);
}

/// Adds `l1_bytes` of memory to eight independent registers, in order.
template <class T>
std::size_t add_memory(std::size_t rounds, T* data) {
  const hn::ScalableTag<T> d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t size = l1_bytes / sizeof(T);
  auto a = hn::Zero(d), b = a, c = a, e = a, f = a, g = a, h = a, i = a;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const T* at = data; at < data + size; at += 8 * lanes) {
      a = hn::Add(a, hn::Load(d, at)), hold(a);
      b = hn::Add(b, hn::Load(d, at + lanes)), hold(b);
      c = hn::Add(c, hn::Load(d, at + 2 * lanes)), hold(c);
      e = hn::Add(e, hn::Load(d, at + 3 * lanes)), hold(e);
      f = hn::Add(f, hn::Load(d, at + 4 * lanes)), hold(f);
      g = hn::Add(g, hn::Load(d, at + 5 * lanes)), hold(g);
      h = hn::Add(h, hn::Load(d, at + 6 * lanes)), hold(h);
      i = hn::Add(i, hn::Load(d, at + 7 * lanes)), hold(i);
    }
  }
  hn::Store(hn::Xor(hn::Xor(hn::Xor(a, b), hn::Xor(c, e)), hn::Xor(hn::Xor(f, g), hn::Xor(h, i))),
            d, data);
  return rounds * size;
}

/// Adds rows of 64 bytes, `l1_bytes` of them in order, to 64 sums of 16 bits in registers.
std::size_t add_rows(std::size_t rounds, std::int8_t* data) {
  const hn::ScalableTag<std::int16_t> d;
  const hn::Rebind<std::int8_t, decltype(d)> narrow;
  constexpr std::size_t lanes = hn::MaxLanes(d);
  constexpr std::size_t vectors = 64 / lanes;
  hn::Vec<decltype(d)> sums[vectors];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const std::int8_t* row = data; row < data + l1_bytes; row += 64) {
      for (std::size_t v = 0; v < vectors; ++v) {
        sums[v] = hn::Add(sums[v], hn::PromoteTo(d, hn::Load(narrow, row + v * lanes)));
        hold(sums[v]);
      }
    }
  }
  auto all = sums[0];
  for (std::size_t v = 1; v < vectors; ++v) all = hn::Xor(all, sums[v]);
  hn::Store(all, d, reinterpret_cast<std::int16_t*>(data));
  return rounds * l1_bytes;
}

std::size_t add_int8(bool memory, std::size_t rounds, std::int8_t* data) {
  return memory ? add_memory(rounds, data) : add_registers(rounds, data);
}
std::size_t add_int16(bool memory, std::size_t rounds, std::int16_t* data) {
  return memory ? add_memory(rounds, data) : add_registers(rounds, data);
}
std::size_t add_float(bool memory, std::size_t rounds, float* data) {
  return memory ? add_memory(rounds, data) : add_registers(rounds, data);
}

}  // namespace HWY_NAMESPACE
}  // namespace nj
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {
HWY_EXPORT(add_int8);
HWY_EXPORT(add_int16);
HWY_EXPORT(add_float);
HWY_EXPORT(add_rows);

namespace {

std::size_t add(bool memory, std::size_t rounds, std::int8_t* data) {
  return HWY_DYNAMIC_DISPATCH(add_int8)(memory, rounds, data);
}
std::size_t add(bool memory, std::size_t rounds, std::int16_t* data) {
  return HWY_DYNAMIC_DISPATCH(add_int16)(memory, rounds, data);
}
std::size_t add(bool memory, std::size_t rounds, float* data) {
  return HWY_DYNAMIC_DISPATCH(add_float)(memory, rounds, data);
}

/// About 0.1 ms of additions.
template <class T>
std::size_t add_for_a_while(bool memory, AlignedVector<T>& data) {
  const std::size_t adds = add(memory, memory ? 1000 : 80000, data.data());
  benchmark::DoNotOptimize(data.data());
  return adds;
}

/// Seconds of the fastest call: on a shared machine, only the best is the kernel's.
template <class Work>
double fastest(int calls, Work&& work) {
  double best = std::numeric_limits<double>::infinity();
  for (int call = 0; call < calls; ++call) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  return best;
}

/// The same over the iterations of a benchmark.
template <class Work>
double fastest_iteration(benchmark::State& state, Work&& work) {
  double best = std::numeric_limits<double>::infinity();
  for (auto _ : state) best = std::min(best, fastest(1, work));
  return best;
}

/// Additions per second.
template <class T>
double best_rate(bool memory) {
  AlignedVector<T> data(l1_bytes / sizeof(T), T{1});
  std::size_t adds = 0;
  const double seconds = fastest(40, [&] { adds = add_for_a_while(memory, data); });
  return static_cast<double>(adds) / seconds;
}

/// The same of rows of bytes in 16-bit sums.
double best_row_rate() {
  AlignedVector<std::int8_t> data(l1_bytes, std::int8_t{1});
  std::size_t adds = 0;
  const double seconds = fastest(40, [&] {
    adds = HWY_DYNAMIC_DISPATCH(add_rows)(300, data.data());
    benchmark::DoNotOptimize(data.data());
  });
  return static_cast<double>(adds) / seconds;
}

/// Additions per second of the fastest iteration, and what part of the limits that is. The limits
/// are measured anew each time, as the clock of a shared machine varies.
template <class T>
void report(benchmark::State& state, double adds, double seconds) {
  state.counters["adds/s"] = adds / seconds;
  state.counters["of_register_adds16"] = adds / seconds / best_rate<std::int16_t>(false);
  state.counters["of_loaded_adds"] = adds / seconds / best_rate<T>(true);
  if (sizeof(T) == 1) state.counters["of_row_adds"] = adds / seconds / best_row_rate();
}

template <class T>
void adds_from(benchmark::State& state, bool memory) {
  AlignedVector<T> data(l1_bytes / sizeof(T), T{1});
  std::size_t adds = 0;
  const double seconds = fastest_iteration(state, [&] { adds = add_for_a_while(memory, data); });
  state.counters["adds/s"] = static_cast<double>(adds) / seconds;
  state.SetLabel(simd_target());
}
void register_adds_int8(benchmark::State& state) { adds_from<std::int8_t>(state, false); }
void register_adds_int16(benchmark::State& state) { adds_from<std::int16_t>(state, false); }
void register_adds_float(benchmark::State& state) { adds_from<float>(state, false); }
void loaded_adds_int8(benchmark::State& state) { adds_from<std::int8_t>(state, true); }
void loaded_adds_int16(benchmark::State& state) { adds_from<std::int16_t>(state, true); }
void loaded_adds_float(benchmark::State& state) { adds_from<float>(state, true); }
void row_adds(benchmark::State& state) {
  for (auto _ : state) state.counters["adds/s"] = best_row_rate();
}
BENCHMARK(register_adds_int8);
BENCHMARK(register_adds_int16);
BENCHMARK(register_adds_float);
BENCHMARK(loaded_adds_int8);
BENCHMARK(loaded_adds_int16);
BENCHMARK(loaded_adds_float);
BENCHMARK(row_adds)->Iterations(1);

SpikeTensor random_spikes(std::uint32_t timesteps, const FeatureShape& shape,
                          std::uint32_t percent) {
  SpikeTensor spikes(timesteps, shape);
  nj::test::Random random(1);
  for (std::uint32_t t = 0; t < timesteps; ++t) {
    for (std::size_t a = 0; a < shape.neurons(); ++a) {
      if (random.integer(0, 99) < percent) spikes.set(t, a);
    }
  }
  return spikes;
}

ConvolutionGeometry square(std::uint32_t in, std::uint32_t out, std::uint32_t size,
                           std::uint32_t kernel) {
  ConvolutionGeometry g;
  g.in_channels = in;
  g.out_channels = out;
  g.kernel_y = g.kernel_x = kernel;
  g.padding_y = g.padding_x = kernel / 2;
  g.in_height = g.in_width = g.out_height = g.out_width = size;
  return g;
}

/// All blocks of a layer, one after the other; the lists of events exist already.
template <class Weight, class Sum>
void run_blocks(benchmark::State& state, const ConvolutionGeometry& g,
                const std::vector<Weight>& tensor, const SpikeTrain& input) {
  const ConvolutionWeights weights(g, std::span(tensor));
  const InputEvents events(input, event_groups(g));
  const std::uint32_t timesteps = timesteps_of(input);
  const std::size_t stride = padded(g.out_channels);
  const std::size_t block = std::max<std::size_t>(1, 65536 / (timesteps * stride));
  ConvolutionScratch scratch;
  AlignedVector<Sum> sums(timesteps * block * stride);
  std::vector<std::uint64_t> rows(timesteps, 0);
  const double seconds = fastest_iteration(state, [&] {
    std::fill(rows.begin(), rows.end(), 0);
    for (std::size_t begin = 0; begin < g.out_positions(); begin += block) {
      const std::size_t end = std::min(begin + block, std::size_t{g.out_positions()});
      convolve(weights, events, begin, end, scratch, sums.data(), rows);
      benchmark::DoNotOptimize(sums.data());
    }
  });
  double adds = 0.0;
  for (const std::uint64_t count : rows) adds += static_cast<double>(count * g.group_outputs());
  using Line = std::conditional_t<std::is_same_v<Weight, float>, float, std::int8_t>;
  state.counters["us"] = seconds * 1e6;
  report<Line>(state, adds, seconds);
}

/// Bell-shaped integers of `bits` bits, the largest of them frequent enough to occur.
std::vector<std::int16_t> random_integers(std::size_t count, std::uint32_t bits) {
  nj::test::Random random(2);
  const float largest = static_cast<float>((1U << (bits - 1)) - 1);
  std::vector<std::int16_t> weights(count);
  for (std::int16_t& w : weights) {
    const float bell = (random.symmetric() + random.symmetric() + random.symmetric()) / 2.0F;
    w = static_cast<std::int16_t>(std::clamp(bell, -1.0F, 1.0F) * largest);
  }
  return weights;
}

constexpr std::uint32_t steps = 4;

void run_layer(benchmark::State& state, const ConvolutionGeometry& g) {
  const auto percent = static_cast<std::uint32_t>(state.range(0));
  const auto bits = static_cast<std::uint32_t>(state.range(1));
  const SpikeTrain input = random_spikes(steps, {g.in_channels, g.in_height, g.in_width}, percent);
  const std::size_t count = g.group_rows() * g.out_channels;
  if (bits == 32) {
    return run_blocks<float, float>(state, g, std::vector<float>(count, 0.5F), input);
  }
  const auto tensor = random_integers(count, bits);
  const ConvolutionWeights weights(g, std::span(tensor));
  const InputEvents events(input, 1);
  weights.fits_int16(events) ? run_blocks<std::int16_t, std::int16_t>(state, g, tensor, input)
                             : run_blocks<std::int16_t, std::int32_t>(state, g, tensor, input);
}
void linear_256_1024(benchmark::State& state) { run_layer(state, square(256, 1024, 8, 1)); }
void conv3x3_64_128(benchmark::State& state) { run_layer(state, square(64, 128, 32, 3)); }
void conv3x3_256_256(benchmark::State& state) { run_layer(state, square(256, 256, 8, 3)); }
BENCHMARK(linear_256_1024)->ArgNames({"percent", "bits"})->ArgsProduct({{5, 10, 20}, {8, 4, 3}});
BENCHMARK(conv3x3_64_128)->ArgNames({"percent", "bits"})->ArgsProduct({{5, 10, 20}, {8, 4, 3}});
BENCHMARK(conv3x3_256_256)->ArgNames({"percent", "bits"})->ArgsProduct({{10}, {8, 4}});
BENCHMARK(linear_256_1024)->ArgNames({"percent", "bits"})->ArgsProduct({{10}, {12, 32}});
BENCHMARK(conv3x3_64_128)->ArgNames({"percent", "bits"})->ArgsProduct({{10}, {12, 32}});

/// Graded input of 1..4, as behind a residual sum.
void linear_256_256_graded(benchmark::State& state) {
  const ConvolutionGeometry g = square(256, 256, 8, 1);
  const SpikeTrain input =
      nj::test::random_frames(steps, {256, 8, 8}, 4, static_cast<std::uint32_t>(state.range(0)), 1);
  run_blocks<std::int16_t, std::int32_t>(
      state, g, random_integers(g.group_rows() * g.out_channels, 4), input);
}
BENCHMARK(linear_256_256_graded)->ArgName("percent")->Arg(40);

/// The lists of events of a layer, as the executor makes them once per layer.
void list_events(benchmark::State& state) {
  const SpikeTrain input =
      random_spikes(16, {64, 64, 64}, static_cast<std::uint32_t>(state.range(0)));
  std::uint64_t count = 0;
  const double seconds = fastest_iteration(state, [&] { count = InputEvents(input, 1).count(); });
  state.counters["events/s"] = static_cast<double>(count) / seconds;
}
BENCHMARK(list_events)->ArgName("percent")->Arg(5)->Arg(12);

/// Cost against density: time per sample should be a straight line.
void density_sweep(benchmark::State& state) {
  const ConvolutionGeometry g = square(64, 128, 32, 3);
  const SpikeTrain input =
      random_spikes(steps, {64, 32, 32}, static_cast<std::uint32_t>(state.range(0)));
  run_blocks<std::int16_t, std::int16_t>(
      state, g, random_integers(g.group_rows() * g.out_channels, 4), input);
}
BENCHMARK(density_sweep)
    ->ArgName("percent")
    ->ArgsProduct({{1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 40}})
    ->Unit(benchmark::kMicrosecond);

/// One block of 16 positions of 256 channels through 16 steps.
void neurons(benchmark::State& state) {
  const FeatureShape shape{256, 4, 4};
  const std::uint32_t timesteps = 16;
  NarrowLif lif;
  lif.leak_shift = state.range(0) == 0 ? 1 : -1;
  lif.leak_q16 = 43691;  // tau 1.5
  lif.min = -(1 << 23);
  lif.max = (1 << 23) - 1;
  lif.bias.assign(256, 100);
  lif.threshold.assign(256, 200 << 8);
  AlignedVector<std::int16_t> sums(timesteps * shape.neurons());
  nj::test::Random random(1);
  for (std::int16_t& sum : sums) sum = static_cast<std::int16_t>(300.0F * random.symmetric());
  std::vector<std::uint64_t> saturations(timesteps, 0);
  SpikeTensor spikes(timesteps, shape);
  const double seconds = fastest_iteration(state, [&] {
    lif_block(lif, {0, 16, shape.neurons()}, sums.data(), 300, spikes, saturations);
    benchmark::DoNotOptimize(spikes.step(0).data());
  });
  state.counters["updates/s"] = static_cast<double>(timesteps * shape.neurons()) / seconds;
}
BENCHMARK(neurons)->ArgName("tau1.5")->Arg(0)->Arg(1);

/// One step of attention, 12 % of the bits set.
void attention(benchmark::State& state) {
  const auto side = static_cast<std::uint32_t>(state.range(0));
  const auto size = static_cast<std::uint32_t>(state.range(1));
  const auto heads = static_cast<std::uint32_t>(state.range(2));
  const SpikeTensor q = random_spikes(1, {heads * size, side, side}, 12);
  const SpikeTensor v = random_spikes(1, {heads * size, side, side}, 13);
  AttentionScratch scratch;
  AlignedVector<std::int32_t> sums(q.shape().positions() * padded(heads * size));
  AttentionCounts counts;
  const double seconds = fastest_iteration(state, [&] {
    counts = attend(heads, q, q, v, 0, scratch, sums.data());
    benchmark::DoNotOptimize(sums.data());
  });
  state.counters["us"] = seconds * 1e6;
  state.counters["synaptic_events/s"] =
      static_cast<double>(counts.coincidences + counts.score_additions) / seconds;
}
BENCHMARK(attention)->ArgNames({"side", "size", "heads"})->Args({8, 16, 16})->Args({14, 64, 8});

/// Pooling 3 x 3 with stride 2 of 128 x 128 positions of 32 channels.
void pooling(benchmark::State& state) {
  const SpikeTensor in = random_spikes(1, {32, 128, 128}, 12);
  SpikeTensor out(1, {32, 64, 64});
  std::vector<std::uint64_t> row;
  const double seconds = fastest_iteration(state, [&] {
    pool_rows(MaxPool2d{}, in, 0, {0, 64, 0}, row, out);
    benchmark::DoNotOptimize(out.step(0).data());
  });
  state.counters["inputs/s"] = static_cast<double>(in.shape().neurons()) / seconds;
}
BENCHMARK(pooling);

}  // namespace
}  // namespace nj
#endif  // HWY_ONCE

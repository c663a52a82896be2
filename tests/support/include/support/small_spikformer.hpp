#pragma once

#include <string>
#include <utility>
#include <vector>

#include <neurojoule/core/activity.hpp>
#include <neurojoule/core/network.hpp>
#include <neurojoule/core/rng.hpp>
#include <neurojoule/hardware/mapping.hpp>
#include <neurojoule/hardware/random_trace.hpp>

// A Spikformer-shaped network and random spikes for it, where only the traffic matters.
namespace nj::testing {

struct SpikformerSize {
  std::uint32_t channels = 96;  ///< of the tokens; the stem has 1/8, 1/4, 1/2 and all of them
  std::uint32_t pixels = 34;    ///< of the square input, 2 channels
  std::uint32_t blocks = 2;
  std::uint32_t heads = 8;
  std::uint32_t classes = 10;
};

class SpikformerDrafts {
 public:
  explicit SpikformerDrafts(const SpikformerSize& size) : d_(size.channels) {
    add("input", Input{{2, size.pixels, size.pixels}, 255}, {});
    std::string x = stem();
    for (std::uint32_t b = 0; b < size.blocks; ++b) {
      x = block("block" + std::to_string(b), x, size.heads);
    }
    add("head", ClassifierHead{d_, size.classes}, {{x}});
  }
  std::vector<Network::Draft> take() { return std::move(drafts_); }

 private:
  using Sources = std::vector<Network::Draft::Source>;
  std::string add(const std::string& name, Operator op, Sources sources) {
    drafts_.push_back({name, std::move(op), std::move(sources)});
    return name;
  }
  std::string neurons(const std::string& name, Conv2d conv, const std::string& source) {
    add(name, conv, {{source}});
    return add(name + ".lif", Lif{}, {{name}});
  }
  std::string stem() {
    std::string x = "input";
    std::uint32_t in = 2;
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::uint32_t out = d_ >> (3 - i);
      x = neurons("stem" + std::to_string(i), {in, out, 3, 1, 1}, x);
      if (i < 3) x = add("pool" + std::to_string(i), MaxPool2d{}, {{x}});
      in = out;
    }
    const std::string position = neurons("rpe", {d_, d_, 3, 1, 1}, x);
    return add("rpe.add", ResidualAdd{}, {{position}, {x, Port::residual}});
  }
  std::string block(const std::string& name, const std::string& x, std::uint32_t heads) {
    const std::string q = neurons(name + ".q", {d_, d_}, x);
    const std::string k = neurons(name + ".k", {d_, d_}, x);
    const std::string v = neurons(name + ".v", {d_, d_}, x);
    add(name + ".attention", SpikingSelfAttention{heads, 0.25},
        {{q, Port::query}, {k, Port::key}, {v, Port::value}});
    add(name + ".attention.lif", Lif{2.0, 0.5}, {{name + ".attention"}});
    const std::string out = neurons(name + ".proj", {d_, d_}, name + ".attention.lif");
    const std::string sum = add(name + ".add1", ResidualAdd{}, {{out}, {x, Port::residual}});
    const std::string up = neurons(name + ".fc1", {d_, 4 * d_}, sum);
    const std::string down = neurons(name + ".fc2", {4 * d_, d_}, up);
    return add(name + ".add2", ResidualAdd{}, {{down}, {sum, Port::residual}});
  }

  std::uint32_t d_;
  std::vector<Network::Draft> drafts_;
};

inline Network small_spikformer(const SpikformerSize& size = {}) {
  return Network::build(SpikformerDrafts(size).take());
}

/// 8-bit weights, 16-bit accumulators and membranes; 8-bit input, 4-bit residuals.
inline std::vector<LayerWidths> small_widths(const Network& network, std::uint8_t weight_bits = 8) {
  std::vector<LayerWidths> widths(network.size());
  for (std::uint32_t i = 0; i < widths.size(); ++i) {
    widths[i].weights = {Scheme::uniform, weight_bits, Granularity::per_channel};
    widths[i].weight_integer_bits = weight_bits;
    const Operator& op = network.layer(LayerId{i}).op;
    if (std::holds_alternative<Input>(op)) widths[i].output_bits = 8;
    if (std::holds_alternative<ResidualAdd>(op)) widths[i].output_bits = 4;
    if (std::holds_alternative<ResidualAdd>(op)) widths[i].accumulator_bits = 8;
  }
  return widths;
}

inline SpikeTensor random_spikes(std::uint32_t timesteps, const FeatureShape& shape,
                                 std::uint32_t percent, const RandomKey& key) {
  return nj::random_spikes(timesteps, shape, percent / 100.0, key);
}

/// Of spikes and inputs alike.
inline SpikeTrace random_trace(const Network& network, std::uint32_t timesteps,
                               std::uint32_t percent, std::uint64_t seed) {
  return nj::random_trace(network, timesteps, {percent / 100.0, percent / 100.0}, seed);
}

}  // namespace nj::testing

#include "neurojoule/hardware/random_trace.hpp"

#include <cmath>
#include <variant>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

constexpr std::uint32_t stream = 77;
constexpr std::uint64_t parts = 10'000;

SpikeTensor pooled(const SpikeTensor& from, const MaxPool2d& pool, const FeatureShape& shape) {
  SpikeTensor train(from.timesteps(), shape);
  for (std::uint32_t t = 0; t < from.timesteps(); ++t) {
    for (std::uint32_t y = 0; y < shape.height; ++y) {
      for (std::uint32_t x = 0; x < shape.width; ++x) {
        for (std::uint32_t c = 0; c < shape.channels; ++c) {
          for (std::uint32_t i = 0; i < pool.kernel.y * pool.kernel.x; ++i) {
            const std::uint32_t from_y = y * pool.stride.y + i / pool.kernel.x - pool.padding.y;
            const std::uint32_t from_x = x * pool.stride.x + i % pool.kernel.x - pool.padding.x;
            if (from_y >= from.shape().height || from_x >= from.shape().width) continue;
            if (from.test(t, from.shape().address(c, from_y, from_x))) {
              train.set(t, shape.address(c, y, x));
            }
          }
        }
      }
    }
  }
  return train;
}

GradedTensor frames(const SpikeTensor& where) {
  GradedTensor values(where.timesteps(), where.shape());
  for (std::uint32_t t = 0; t < where.timesteps(); ++t) {
    where.for_each(t, [&](std::uint64_t a, std::int16_t) {
      values.step(t)[a] = static_cast<std::int16_t>(1 + a % 3);
    });
  }
  return values;
}

GradedTensor sums(const Network& network, LayerId id, const SpikeTrace& trace,
                  std::uint32_t timesteps) {
  GradedTensor values(timesteps, network.output_shape(id));
  for (const Operand& operand : network.operands(id)) {
    for (std::uint32_t t = 0; t < timesteps; ++t) {
      for_each(*trace[operand.source.index], t, [&](std::uint64_t a, std::int16_t value) {
        values.step(t)[a] = static_cast<std::int16_t>(values.step(t)[a] + value);
      });
    }
  }
  return values;
}

}  // namespace

SpikeTensor random_spikes(std::uint32_t timesteps, const FeatureShape& shape, double density,
                          const RandomKey& key) {
  if (!(density >= 0 && density <= 1)) {
    throw Error(ErrorKind::config, fmt::format("a density must be 0..1, got {}", density));
  }
  const auto threshold = static_cast<std::uint64_t>(std::llround(density * parts));
  SpikeTensor train(timesteps, shape);
  for (std::uint32_t t = 0; t < timesteps; ++t) {
    for (std::uint64_t a = 0; a < shape.neurons(); ++a) {
      const auto draw = static_cast<std::uint32_t>(t * shape.neurons() + a);
      if (random_below(key, draw, parts) < threshold) train.set(t, a);
    }
  }
  return train;
}

SpikeTrace random_trace(const Network& network, std::uint32_t timesteps,
                        const TraceDensity& density, std::uint64_t seed) {
  SpikeTrace trace(network.size());
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const LayerId id{i};
    const Operator& op = network.layer(id).op;
    const FeatureShape& shape = network.output_shape(id);
    const RandomKey key{seed, stream, i};
    if (std::holds_alternative<Lif>(op)) {
      trace[i] = random_spikes(timesteps, shape, density.spikes, key);
    } else if (const auto* pool = std::get_if<MaxPool2d>(&op)) {
      const auto source = network.operands(id)[0].source.index;
      trace[i] = pooled(std::get<SpikeTensor>(*trace[source]), *pool, shape);
    } else if (std::holds_alternative<Input>(op)) {
      trace[i] = frames(random_spikes(timesteps, shape, density.inputs, key));
    } else if (std::holds_alternative<ResidualAdd>(op)) {
      trace[i] = sums(network, id, trace, timesteps);
    }
  }
  return trace;
}

}  // namespace nj

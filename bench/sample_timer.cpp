// Times the executor on a network and inputs that another program wrote, for comparisons side by
// side: sample_timer MODEL.yaml INPUT.h5 THREADS SAMPLES float32|BITS. MODEL.yaml is a `model:`
// block; INPUT.h5 holds `input`, int16 `[N, T, C, H, W]`; sample i is input i modulo N. Prints
// JSON: the best of the passes over SAMPLES samples in two seconds, at least five, and what they
// did.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/models/checkpoint.hpp"
#include "neurojoule/models/execute.hpp"
#include "neurojoule/models/quantize.hpp"

namespace {

using namespace nj;

constexpr std::uint64_t max_values = std::uint64_t{1} << 28;

/// All inputs of a file, channels last.
std::vector<GradedTensor> read_inputs(const std::filesystem::path& file) {
  const Hdf5Reader reader(file);
  const auto shape = reader.shape("/input");
  if (shape.size() != 5)
    throw Error(ErrorKind::format, "expected [N, T, C, H, W]", {.key = "/input"});
  const auto extent = [&](std::size_t i) { return static_cast<std::uint32_t>(shape[i]); };
  const FeatureShape map{extent(2), extent(3), extent(4)};
  const auto values = reader.read<std::int16_t>("/input", max_values);
  std::vector<GradedTensor> inputs(shape[0], GradedTensor(extent(1), map));
  std::size_t at = 0;
  for (GradedTensor& input : inputs) {
    for (std::uint32_t t = 0; t < input.timesteps(); ++t) {
      for (std::uint32_t c = 0; c < map.channels; ++c) {
        for (std::uint64_t p = 0; p < map.positions(); ++p) {
          input.step(t)[p * map.channels + c] = values[at++];
        }
      }
    }
  }
  return inputs;
}

QuantizationSpec specification(const std::string& format) {
  QuantizationSpec spec;
  if (format == "float32") {
    spec.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
  } else {
    spec.default_rule.format.bits = static_cast<std::uint8_t>(std::stoi(format));
  }
  return spec;
}

/// Largest resident set of this program in MiB. Not getrusage, whose figure survives exec.
std::uint64_t peak_mib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::uint64_t kib = 0;
  while (status >> word) {
    if (word == "VmHWM:") status >> kib;
  }
  return kib / 1024;
}

double firing_rate(const Network& network, const Activity& activity) {
  std::uint64_t spikes = 0;
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    if (std::holds_alternative<Lif>(network.layer({i}).op)) {
      spikes += activity.layers[i].total().spikes;
    }
  }
  return static_cast<double>(spikes) / static_cast<double>(activity.total().neuron_updates);
}

/// Synaptic events as a share of what a dense execution would do.
double dense_share(const Network& network, const Activity& activity) {
  std::uint64_t dense = 0;
  for (std::uint32_t i = 0; i < network.size(); ++i) dense += dense_operations(network, {i});
  const std::uint64_t steps = activity.samples * activity.layers.front().steps.size();
  return static_cast<double>(activity.total().synaptic_events()) /
         static_cast<double>(dense * steps);
}

int run(const std::vector<std::string>& arguments) {
  const std::filesystem::path block = arguments[0];
  const YamlDocument document = YamlDocument::load(block);
  const FamilySpec family = read_family(document.root());
  document.finish();
  const Model model = load_model(family, block.parent_path());
  const QuantizedNetwork network = quantize(model, specification(arguments[4]));
  const std::vector<GradedTensor> inputs = read_inputs(arguments[1]);
  const auto threads = static_cast<unsigned>(std::stoul(arguments[2]));
  const std::size_t samples = std::stoul(arguments[3]);
  double best = 1e300;
  double spent = 0.0;
  BatchExecution result;
  for (int pass = 0; pass < 5 || spent < 2.0; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    result =
        execute_many(network, samples, [&](std::size_t i) { return inputs[i % inputs.size()]; },
                     {.threads = threads});
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
    spent += time.count();
  }
  const StepCounts total = result.activity.total();
  fmt::print(
      "{{\"seconds_per_sample\": {}, \"firing_rate\": {}, \"dense_share\": {}, "
      "\"synaptic_events_per_sample\": {}, "
      "\"peak_mib\": {}, \"predictions\": {}, \"logits\": {}}}\n",
      best / static_cast<double>(samples), firing_rate(network.network(), result.activity),
      dense_share(network.network(), result.activity), total.synaptic_events() / samples,
      peak_mib(), result.predictions, result.logits);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 5) {
    fmt::print(stderr, "usage: sample_timer MODEL.yaml INPUT.h5 THREADS SAMPLES float32|BITS\n");
    return 2;
  }
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "sample_timer: {}\n", error.what());
    return 2;
  }
}

#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/rng.hpp>
#include <neurojoule/hardware/sanafe_simulate.hpp>

#include "kernel_targets.hpp"
#include "support/sanafe_files.hpp"

namespace nj::sanafe {
namespace {

using testing::sanafe_chip;

SimulationResult run(const std::string& network, std::uint64_t steps) {
  const Architecture a = read_architecture(sanafe_chip, "chip.yaml");
  return simulate(a, read_network(network, "net.yaml", a), {.steps = steps, .progress = {}});
}

/// Numbers of steps in which all neurons but the stimulus fired, when one neuron `n.0` with these
/// attributes gets `weight` from a stimulus that spikes in the given steps.
std::vector<std::uint64_t> spikes(const std::string& attributes, const std::string& edge,
                                  const std::string& stimulus, std::uint64_t steps) {
  const std::string text =
      "network:\n  groups:\n    - name: in\n      neurons:\n        - 0: {soma_hw_name: "
      "'stimulus[0]', spikes: " +
      stimulus + "}\n    - name: n\n      neurons:\n        - 0: {" + attributes +
      "}\n  edges:\n    - in.0 -> n.0: {" + edge +
      "}\nmappings:\n  - in.0: {core: 0.0}\n  - n.0: {core: 0.1}\n";
  const std::string silent = "spikes: [";
  std::vector<std::uint64_t> result;
  const SimulationResult all = run(text, steps);
  std::istringstream train(stimulus.substr(1));
  for (std::uint64_t step = 1; step <= steps; ++step) {
    int spike = 0;
    char comma = 0;
    if (!(train >> spike >> comma)) spike = 0;
    if (all.steps[step - 1].counts.fired != static_cast<std::uint64_t>(spike)) {
      result.push_back(step);
    }
  }
  return result;
}

/// doctest::Approx has a scale of 1, which these numbers are far below.
bool close(double value, double expected, double relative) {
  return std::abs(value - expected) <= relative * std::abs(expected);
}

using Steps = std::vector<std::uint64_t>;

TEST_CASE("SANA-FE: counts, energy and time of two steps by hand") {
  // in.0 (core 0.0, tile 0 at x 0, y 0) spikes in step 1, to b.0 and b.1 (core 5.1, tile 5 at x 2,
  // y 1) and b.2 (core 0.0).
  const std::string net = R"(network:
  groups:
    - name: in
      neurons: [0: {soma_hw_name: 'stimulus[0]', spikes: [1]}]
    - name: b
      attributes: {threshold: 1}
      neurons: [0..2: {}]
  edges:
    - in.0 -> b.0: {weight: 1}
    - in.0 -> b.1: {weight: 2}
    - in.0 -> b.2: {weight: 1}
mappings:
  - in: {core: 0.0}
  - b.0..1: {core: 5.1}
  - b.2: {core: 0.0}
)";
  const SimulationResult result = run(net, 2);
  const StepResult& first = result.steps[0];
  CHECK(first.counts.fired == 1);
  CHECK(first.counts.updated == 1);  // the stimulus
  CHECK(first.counts.messages == 2);
  CHECK(first.counts.synaptic_events == 3);
  CHECK(first.counts.hops == 3);  // 2 east, 1 north; none to its own core
  CHECK(close(first.energy.synapse_j, 3 * 300e-12, 1e-12));
  CHECK(close(first.energy.soma_j, 3 * 4e-9, 1e-12));  // accesses of b
  // 2 x (20 + 1) pJ + 2 x 1 fJ + 3 fJ
  CHECK(close(first.energy.network_j, 42.005e-12, 1e-12));
  CHECK(first.energy.dendrite_j == 0);
  // Core 5.1 has two accesses of 40 ns; core 0.0 one, and two messages out of 20 ns: 80 ns each.
  // Receiving takes 1 + 2 x 3 = 7 ns at most.
  CHECK(close(first.time_s, 80e-9, 1e-12));
  const StepResult& second = result.steps[1];
  CHECK(second.counts.fired == 1);    // b.1: 2 > 1; the others reach 1, which is not above 1
  CHECK(second.counts.updated == 3);  // each got an event
  CHECK(second.counts.messages == 0);
  // 3 accesses, 3 updates, 1 spike
  CHECK(close(second.energy.soma_j, 3 * 4e-9 + 3 * 50e-9 + 600e-9, 1e-12));
  // Core 5.1: 2 x 40 + 2 x 500 + 6000 ns.
  CHECK(close(second.time_s, 7080e-9, 1e-12));
  CHECK(result.total.counts.fired == 2);
  CHECK(close(result.total.time_s, 7160e-9, 1e-12));
  CHECK(result.tiles_in_use == 2);
  CHECK(result.cores_in_use == 2);
}

TEST_CASE("SANA-FE: a message to many synapses keeps its core busy") {
  // 30 synapses of unit t (7 ns) and the message in (1 ns): 211 ns; sending is 30 x 40 ns at the
  // core of b, so put b's neurons on truenorth somas, which take no time here.
  const std::string net = R"(network:
  groups:
    - {name: in, neurons: [0: {soma_hw_name: 'stimulus[0]', spikes: [1]}]}
    - {name: b, attributes: {synapse_hw_name: t, soma_hw_name: digital, threshold: 9}, neurons: [0..29]}
  edges:
    - in -> b: {type: dense, weight: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}
mappings: [in: {core: 0.0}, b: {core: 1.0}]
)";
  const SimulationResult result = run(net, 1);
  CHECK(result.steps[0].counts.messages == 1);
  CHECK(result.steps[0].counts.synaptic_events == 30);
  CHECK(close(result.steps[0].time_s, 211e-9, 1e-12));
}

TEST_CASE("SANA-FE: leaky neurons by hand") {
  // Inputs arrive one step after the stimulus.
  CHECK(spikes("threshold: 2.5", "weight: 1", "[1,1,1,1]", 6) == Steps{4});  // 1, 2, 3
  CHECK(spikes("threshold: 2", "weight: 2", "[1,0]", 4) == Steps{});         // 2 is not above 2
  // Leak 0.5: 2, then 1 + 2 = 3 > 2.5.
  CHECK(spikes("threshold: 2.5, leak_decay: 0.5", "weight: 2", "[1,1]", 4) == Steps{3});
  // Cut to 1/64: 0.99 becomes 63/64 = 0.984375, so 0.99 + 0.99 is 1.974375 and not 1.98.
  CHECK(spikes("threshold: 1.975", "weight: 0.99", "[1,1]", 4) == Steps{});
  CHECK(spikes("threshold: 1.974", "weight: 0.99", "[1,1]", 4) == Steps{3});
  // Towards zero from below: -0.99 becomes -0.984375, and with -0.99 + 1.99 that is 0.015625.
  CHECK(spikes("threshold: 0.0156, bias: -0.99", "weight: 1.99", "[1,0]", 2) == Steps{2});
  CHECK(spikes("threshold: 0.0157, bias: -0.99", "weight: 1.99", "[1,0]", 2) == Steps{});
  // Bias 1: 1, 2, 3 -> spike and 0; 1, 2, 3 -> spike.
  CHECK(spikes("threshold: 2.5, bias: 1", "weight: 0", "[0]", 6) == Steps{3, 6});
  // Hard reset to 1: 1, 2, 3 -> 1; 2, 3 -> 1.
  CHECK(spikes("threshold: 2.5, bias: 1, reset: 1", "weight: 0", "[0]", 7) == Steps{3, 5, 7});
  // Soft: 2, 4 -> 1.5, 3.5 -> 1, 3 -> 0.5, 2.5, 4.5 -> 2
  CHECK(spikes("threshold: 2.5, bias: 2, reset_mode: soft", "weight: 0", "[0]", 6) ==
        Steps{2, 3, 4, 6});
  CHECK(spikes("threshold: 2.5, bias: 2, reset_mode: none", "weight: 0", "[0]", 4) ==
        Steps{2, 3, 4});
  // Two steps of rest after a spike, of a delay of 3: 3 -> 0, 0, 0, 3 -> 0.
  CHECK(spikes("threshold: 2.5, bias: 3, refractory_delay: 3", "weight: 0", "[0]", 8) ==
        Steps{1, 4, 7});
  // Reverse: -3 < -2 -> 5; 5 - 3 = 2 > 1.5 -> 0; -3 -> 5; 2 -> 0.
  CHECK(spikes("threshold: 1.5, bias: -3, reverse_threshold: -2, reverse_reset: 5, "
               "reverse_reset_mode: hard",
               "weight: 0", "[0]", 4) == Steps{2, 4});
}

TEST_CASE("SANA-FE: truenorth neurons by hand") {
  const std::string tn = "soma_hw_name: digital, ";
  CHECK(spikes(tn + "threshold: 2", "weight: 2", "[1]", 3) == Steps{2});  // at the threshold
  // Leak 1 towards zero: 3, 2, 1, 0; with 3 more in step 3: 3, 2 + 3 = 5.
  CHECK(spikes(tn + "threshold: 5, leak: 1", "weight: 3", "[1,1]", 4) == Steps{3});
  CHECK(spikes(tn + "threshold: 5.5, leak: 1", "weight: 3", "[1,1]", 4) == Steps{});
  // Away: v grows by 1 a step from the first: 1, 2, 3.
  CHECK(spikes(tn + "threshold: 3, leak: 1, leak_towards_zero: false", "weight: 0", "[0]", 6) ==
        Steps{3, 6});
  // Saturate at 3: 4 -> 3 fires each step from then on.
  CHECK(spikes(tn + "threshold: 3, bias: 2, reset_mode: saturate", "weight: 0", "[0]", 4) ==
        Steps{2, 3, 4});
  // Noise of glibc's rand() after srand(1): 1804289383 & 7 = 7, 846930886 & 7 = 6, 1681692777 & 7 =
  // 1, 1714636915 & 7 = 3, 1957747793 & 7 = 1. With bias 1 and threshold 4: 1 + 7 fires; 1 + 6
  // fires; 1 + 1 does not; 2 + 3 fires; 1 + 1 does not.
  CHECK(spikes(tn + "threshold: 4, bias: 1, random_mask: 7", "weight: 0", "[0]", 5) ==
        Steps{1, 2, 4});
}

TEST_CASE("SANA-FE: input neurons by train, rate and chance") {
  const auto fired = [](const std::string& attributes, std::uint64_t steps) {
    Steps result;
    const SimulationResult all =
        run("network: {groups: [{name: in, neurons: [0: {soma_hw_name: 'stimulus[0]', " +
                attributes + "}]}]}\nmappings: [in: {core: 0.0}]\n",
            steps);
    for (std::uint64_t step = 1; step <= steps; ++step) {
      if (all.steps[step - 1].counts.fired != 0) result.push_back(step);
      CHECK(all.steps[step - 1].counts.updated == all.steps[step - 1].counts.fired);
    }
    return result;
  };
  CHECK(fired("spikes: [1, 0, true]", 5) == Steps{1, 3});
  CHECK(fired("rate: 0.3", 9) == Steps{3, 6, 9});  // every floor(1 / 0.3) = 3
  CHECK(fired("rate: 1", 3) == Steps{1, 2, 3});
  CHECK(fired("spikes: [1], rate: 0.5", 4) == Steps{1, 2, 4});
  // SANA-FE 2.2.9 itself, unit 1 of the chip (its generator is seeded with 1).
  CHECK(fired("poisson: 0.5", 20) == Steps{3, 5, 6, 7, 11, 13, 14, 17, 18});
  CHECK(fired("poisson: 0", 20) == Steps{});
}

TEST_CASE("SANA-FE: neurons on one input unit share its spike train") {
  // The last mapping sets the train of the unit, [1, 1, 1]; in step 1 both take one, in step 2 a.0
  // takes the third.
  const SimulationResult result = run(R"(network:
  groups:
    - name: a
      attributes: {soma_hw_name: 'stimulus[7]'}
      neurons: [0: {spikes: [0, 0]}, 1: {spikes: [1, 1, 1]}]
mappings: [a: {core: 0.0}]
)",
                                      3);
  CHECK(result.steps[0].counts.fired == 2);
  CHECK(result.steps[1].counts.fired == 1);
  CHECK(result.steps[2].counts.fired == 0);
}

TEST_CASE("SANA-FE: dendrites that delay are read by events") {
  const std::string later = "dendrite_hw_name: later, threshold: 0.5";
  // A charge of step t with delay d is due in step t + 1 + d, is read when an event comes in that
  // step, and the soma sees it one step later. Events in 1, 2, 3 with delay 0: due 2, 3, 4; the
  // last is never read.
  CHECK(spikes(later, "weight: 1, delay: 0", "[1,1,1]", 8) == Steps{3, 4});
  CHECK(spikes(later, "weight: 1, delay: 1", "[1,1,1,1]", 8) == Steps{4, 5});
  CHECK(spikes(later, "weight: 1, delay: 5", "[1,0,0,0,0,0,1]", 10) == Steps{8});
  CHECK(spikes(later, "weight: 1", "[1,0,1]", 8) == Steps{});  // due in 2 and 4: no events there
}

TEST_CASE("SANA-FE: a dendrite with taps by hand") {
  // Time constants 0.5, 0.5; space constant 0.25. 64 into tap 1 in step 1; into tap 1 again in step
  // 2. Step 2: v0 = 0 + 0.25 (64 - 0) = 16. Potential 16 in step 3, above 15.5, not above 16.5.
  const std::string line =
      "dendrite_hw_name: 'line[2]', taps: 2, time_constants: [0.5, 0.5], space_constants: [0.25], ";
  CHECK(spikes(line + "threshold: 15.5", "weight: 64, tap: 1", "[1,1]", 4) == Steps{3});
  CHECK(spikes(line + "threshold: 16.5", "weight: 64, tap: 1", "[1,1]", 4) == Steps{});
  // Two steps without events are made up for. v after step 1: 0, 64; 2: 16, 16 (32 - 16); 3: 8, 8;
  // 4: 4, 4 and 64 more in tap 1.
  CHECK(spikes(line + "threshold: 3.5", "weight: 64, tap: 1", "[1,0,0,1]", 6) == Steps{5});
  CHECK(spikes(line + "threshold: 4.5", "weight: 64, tap: 1", "[1,0,0,1]", 6) == Steps{});
}

/// A random convolution as a conv2d edge and as single synapses.
struct Twins {
  std::string convolution;
  std::string synapses;
};

Twins random_twins(std::uint64_t seed) {
  std::uint32_t draw = 0;
  const auto below = [&](std::uint64_t n) {
    return random_below({.seed = seed, .stream = 1, .entity = 0}, draw++, n);
  };
  const std::uint64_t c = 1 + below(3), h = 2 + below(5), w = 2 + below(5), kh = 1 + below(h),
                      kw = 1 + below(w), sh = 1 + below(3), sw = 1 + below(3), n = 1 + below(19);
  const std::uint64_t oh = (h - kh) / sh + 1, ow = (w - kw) / sw + 1;
  std::vector<std::string> weight;
  for (std::uint64_t i = 0; i < kh * kw * c * n; ++i) {
    weight.push_back(std::to_string(static_cast<int>(below(41)) - 20) + "." +
                     std::to_string(below(10)));
  }
  std::string head = "network:\n  groups:\n    - name: a\n      neurons:\n";
  for (std::uint64_t i = 0; i < c * h * w; ++i) {
    head += "        - " + std::to_string(i) + ": {soma_hw_name: 'stimulus[" +
            std::to_string(i % 50) + "]', rate: 0." + std::to_string(1 + below(9)) + "}\n";
  }
  head += "    - {name: b, attributes: {threshold: 9, leak_decay: 0.9}, neurons: [0.." +
          std::to_string(n * oh * ow - 1) + "]}\n  edges:\n";
  std::string mapping = "mappings:\n";
  for (std::uint64_t i = 0; i < c * h * w; ++i) {
    mapping += "  - a." + std::to_string(i) + ": {core: " + std::to_string(i / 50 + below(2)) +
               "." + std::to_string(below(2)) + "}\n";
  }
  for (std::uint64_t i = 0; i < n * oh * ow; ++i) {
    mapping += "  - b." + std::to_string(i) + ": {core: " + std::to_string(below(6)) + "." +
               std::to_string(below(2)) + "}\n";
  }
  Twins twins{head, head};
  twins.convolution +=
      "    - a -> b: {type: conv2d, input_width: " + std::to_string(w) +
      ", input_height: " + std::to_string(h) + ", input_channels: " + std::to_string(c) +
      ", kernel_width: " + std::to_string(kw) + ", kernel_height: " + std::to_string(kh) +
      ", kernel_count: " + std::to_string(n) + ", stride_width: " + std::to_string(sw) +
      ", stride_height: " + std::to_string(sh) + ", weight: [";
  for (const std::string& value : weight) twins.convolution += value + ", ";
  twins.convolution += "]}\n";
  for (std::uint64_t oc = 0; oc < n; ++oc) {
    for (std::uint64_t o = 0; o < oh * ow; ++o) {
      for (std::uint64_t k = 0; k < kh * kw * c; ++k) {
        const std::uint64_t ic = k % c, kx = k / c % kw, ky = k / c / kw;
        const std::uint64_t y = o / ow * sh + ky, x = o % ow * sw + kx;
        twins.synapses += "    - a." + std::to_string((ic * h + y) * w + x) + " -> b." +
                          std::to_string(oc * oh * ow + o) + ": {weight: " + weight[k * n + oc] +
                          "}\n";
      }
    }
  }
  twins.convolution += mapping;
  twins.synapses += mapping;
  return twins;
}

TEST_CASE("SANA-FE: a convolution is the same as its synapses one by one") {
  std::uint64_t events = 0;
  std::uint64_t fired = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    const Twins twins = random_twins(seed);
    const SimulationResult a = run(twins.convolution, 12);
    const SimulationResult b = run(twins.synapses, 12);
    for (std::size_t step = 0; step < 12; ++step) {
      CAPTURE(step);
      CHECK(a.steps[step].counts.fired == b.steps[step].counts.fired);
      CHECK(a.steps[step].counts.updated == b.steps[step].counts.updated);
      CHECK(a.steps[step].counts.synaptic_events == b.steps[step].counts.synaptic_events);
      CHECK(a.steps[step].counts.messages == b.steps[step].counts.messages);
      CHECK(a.steps[step].counts.hops == b.steps[step].counts.hops);
      CHECK(a.steps[step].energy.total_j() == b.steps[step].energy.total_j());
      CHECK(close(a.steps[step].time_s, b.steps[step].time_s, 1e-12));
    }
    events += a.total.counts.synaptic_events;
    fired += a.total.counts.fired;
  }
  CHECK(events > 10'000);
  CHECK(fired > 1'000);
}

TEST_CASE("SANA-FE: results are the same with every instruction set") {
  const std::string net = random_twins(7).convolution;
  const SimulationResult best = run(net, 20);
  test::for_each_target([&] {
    const SimulationResult other = run(net, 20);
    for (std::size_t step = 0; step < 20; ++step) {
      CHECK(other.steps[step].counts.fired == best.steps[step].counts.fired);
      CHECK(other.steps[step].counts.updated == best.steps[step].counts.updated);
      CHECK(other.steps[step].time_s == best.steps[step].time_s);
    }
  });
}

TEST_CASE("SANA-FE: placement changes hops and time, and nothing else") {
  const std::string net = random_twins(3).convolution;
  std::string together =
      net.substr(0, net.find("mappings:")) + "mappings: [a: {core: 0.0}, b: {core: 0.1}]\n";
  std::string apart =
      net.substr(0, net.find("mappings:")) + "mappings: [a: {core: 0.0}, b: {core: 5.1}]\n";
  const SimulationResult a = run(together, 12);
  const SimulationResult b = run(apart, 12);
  REQUIRE(a.total.counts.messages > 0);
  CHECK(a.total.counts.fired == b.total.counts.fired);
  CHECK(a.total.counts.updated == b.total.counts.updated);
  CHECK(a.total.counts.synaptic_events == b.total.counts.synaptic_events);
  CHECK(a.total.counts.messages == b.total.counts.messages);
  CHECK(a.total.counts.hops == 0);
  CHECK(b.total.counts.hops == 3 * b.total.counts.messages);  // 2 east, 1 north
}

const std::string anchors = std::string(NJ_SHARED_DATA) + "/anchors/sanafe/";

/// A CSV file by columns; empty when there is none.
std::vector<std::vector<std::string>> table(const std::string& file) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream stream(anchors + file);
  std::string line;
  std::getline(stream, line);  // names
  while (std::getline(stream, line)) {
    std::istringstream cells(line);
    rows.emplace_back();
    std::string cell;
    while (std::getline(cells, cell, ',')) rows.back().push_back(cell);
  }
  return rows;
}

/// As SANA-FE prints seconds and joules.
std::string printed(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6e", value);
  return text;
}

TEST_CASE("SANA-FE itself: the DVS-gesture network on Loihi, step by step") {
  const auto reference = table("dvs_loihi_1000_detailed_perf.csv");
  const auto times = table("dvs_loihi_1000_simple_simtime.csv");
  if (reference.empty()) {
    MESSAGE("skipped: no " << anchors);
    return;
  }
  REQUIRE(reference.size() == 1000);
  const Architecture loihi = load_architecture(anchors + "loihi.yaml");
  const Network dvs = load_network(anchors + "dvs.yaml", loihi);
  CHECK(dvs.neurons() == 18'678);
  const SimulationResult result = simulate(loihi, dvs, {.steps = 1000, .progress = {}});
  CHECK(result.cores_in_use == 49);
  CHECK(result.tiles_in_use == 13);
  for (std::size_t i = 0; i < 1000; ++i) {
    const StepResult& step = result.steps[i];
    const std::vector<std::string>& row = reference[i];
    CAPTURE(i);
    CHECK(std::to_string(step.counts.fired) == row[1]);
    CHECK(std::to_string(step.counts.updated) == row[2]);
    CHECK(std::to_string(step.counts.messages) == row[3]);
    CHECK(std::to_string(step.counts.hops) == row[4]);
    CHECK(std::to_string(step.counts.synaptic_events) == row[5]);
    CHECK(printed(step.time_s) == times[i][1]);
    // Printed to 1e-6 of the least mantissa.
    CHECK(close(step.energy.synapse_j, std::stod(row[7]), 1e-6));
    CHECK(close(step.energy.soma_j, std::stod(row[9]), 1e-6));
    CHECK(close(step.energy.network_j, std::stod(row[10]), 1e-6));
    CHECK(close(step.energy.total_j(), std::stod(row[11]), 1e-6));
  }
  CHECK(result.total.counts.synaptic_events == 51'366'924);
  CHECK(printed(result.total.time_s) == "1.664677e-02");
  CHECK(printed(result.total.energy.total_j()) == "3.003142e-03");
}

TEST_CASE("SANA-FE itself: its example chip") {
  const auto reference = table("example_100_perf.csv");
  if (reference.empty()) {
    MESSAGE("skipped: no " << anchors);
    return;
  }
  const Architecture example = load_architecture(anchors + "example_chip.yaml");
  const Network net = load_network(anchors + "example_snn.yaml", example);
  const SimulationResult result = simulate(example, net, {.steps = 100, .progress = {}});
  REQUIRE(reference.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) {
    const StepResult& step = result.steps[i];
    CAPTURE(i);
    CHECK(std::to_string(step.counts.fired) == reference[i][1]);
    CHECK(std::to_string(step.counts.updated) == reference[i][2]);
    CHECK(std::to_string(step.counts.messages) == reference[i][3]);
    CHECK(std::to_string(step.counts.hops) == reference[i][4]);
    CHECK(std::to_string(step.counts.synaptic_events) == reference[i][5]);
    CHECK(printed(step.energy.total_j()) == reference[i][11]);
  }
  CHECK(printed(result.total.energy.total_j()) == "6.440000e-09");
}

}  // namespace
}  // namespace nj::sanafe

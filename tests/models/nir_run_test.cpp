// Question: does the float reference of NIR do what the equations say, neuron by neuron and edge by
// edge? All numbers by hand.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/models/nir_run.hpp>

#include "nir_example.hpp"
#include "support/thrown.hpp"

using namespace nj;
using namespace nj::nir_example;
using nj::testing::message_of;
using nj::testing::thrown;

namespace {

NirArray one(double value) { return array_of({1}, {value}); }

/// input -> node -> output, one element.
NirGraph chain(NirOperator op) {
  NirGraph graph;
  graph.nodes = {{"in", NirInput{{1}}}, {"n", std::move(op)}, {"out", NirOutput{{1}}}};
  graph.edges = {{"in", "n"}, {"n", "out"}};
  return graph;
}

/// A graph of one-element nodes between an input and an output.
NirGraph graph_of(std::vector<NirNode> nodes,
                  std::vector<std::pair<std::string, std::string>> edges) {
  NirGraph graph;
  graph.nodes = std::move(nodes);
  graph.nodes.push_back({"in", NirInput{{1}}});
  graph.nodes.push_back({"out", NirOutput{{1}}});
  graph.edges = std::move(edges);
  return graph;
}

NirLinear times(double weight) { return {array_of({1, 1}, {weight})}; }

/// v += x, fires above 0.5: passes a spike on in the same step.
NirIf relay() { return {one(1), one(0.5), one(0)}; }

struct Run {
  std::vector<double> output;
  std::vector<double> potential;
};

/// The node `n` of a chain, step by step.
Run run_chain(const NirOperator& op, const std::vector<double>& input, NirRunOptions options) {
  options.record = {"n"};
  const NirRun run = run_nir(chain(op), input.size(), input, options);
  CHECK(run.output == run.traces.at("n").output);
  return {run.output, run.traces.at("n").potential};
}

void check_close(const std::vector<double>& got, const std::vector<double>& expected,
                 double tolerance) {
  REQUIRE(got.size() == expected.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::abs(got[i] - expected[i]));
  }
  CHECK(worst <= tolerance);
}

NirRunOptions euler(double dt, NirReset reset = NirReset::to_value) {
  return {.dt = dt, .step = NirStep::euler, .reset = reset};
}

NirRunOptions exponential(double dt) { return {.dt = dt, .step = NirStep::exponential}; }

NirRunOptions continuous(double dt) { return {.dt = dt, .step = NirStep::continuous}; }

std::string refusal(const NirGraph& graph, const NirRunOptions& options = {}) {
  return message_of([&] { (void)run_nir(graph, 1, std::vector<double>{1.0}, options); });
}

}  // namespace

TEST_CASE("Euler steps, by hand") {
  // I and IF with r = 2 and dt = 1/4 add x/2. IF fires above 1, strictly: 1 does not fire.
  CHECK(run_chain(NirI{one(2)}, {1, -3, 0}, euler(0.25)).output ==
        std::vector<double>{0.5, -1.0, -1.0});
  const Run fire = run_chain(NirIf{one(2), one(1), one(-1)}, {2, 0.5, 1}, euler(0.25));
  CHECK(fire.output == std::vector<double>{0, 1, 0});
  CHECK(fire.potential == std::vector<double>{1, -1, -0.5});
  // Subtract: 1.25 - (1 - -1) = -0.75.
  CHECK(run_chain(NirIf{one(2), one(1), one(-1)}, {2, 0.5, 1}, euler(0.25, NirReset::subtract))
            .potential == std::vector<double>{1, -0.75, -0.25});
  // LI: v += (1/4) (1 - v + 2 x): x = 1: 0.75; x = 0: 0.75 + (1/4)(0.25) = 0.8125.
  CHECK(run_chain(NirLi{one(1), one(2), one(1)}, {1, 0}, euler(0.25)).output ==
        std::vector<double>{0.75, 0.8125});
  // LIF: the same, and 0.8125 > 0.8 fires.
  const Run lif =
      run_chain(NirLif{one(1), one(2), one(1), one(0.8), one(0.25)}, {1, 0}, euler(0.25));
  CHECK(lif.output == std::vector<double>{0, 1});
  CHECK(lif.potential == std::vector<double>{0.75, 0.25});
}

TEST_CASE("a node's metadata tell its reset, unless the caller does") {
  // v += 0.75, fires above 1. Subtract: 0.75, 1.5 - 1, 1.25 - 1, 1. Zero: 0.75, 0, 0.75, 0.
  NirGraph graph = chain(NirIf{one(1), one(1), one(0)});
  const std::vector<double> input(4, 0.75);
  const std::vector<double> subtract = {0, 1, 1, 0};
  const std::vector<double> zero = {0, 1, 0, 1};
  NirRunOptions options{.dt = 1.0, .step = NirStep::euler};
  CHECK(run_nir(graph, 4, input, options).output == zero);
  graph.nodes[1].metadata["reset"] = NirTexts{{}, {"subtract"}};
  CHECK(run_nir(graph, 4, input, options).output == subtract);
  options.reset = NirReset::to_value;
  CHECK(run_nir(graph, 4, input, options).output == zero);
  graph.nodes[1].metadata["reset"] = NirTexts{{}, {"soft"}};
  CHECK(refusal(graph) == "n: metadata reset: expected 'zero' or 'subtract'");
}

TEST_CASE("Euler steps of current-based neurons, with the current after or before the step") {
  // dt = 1: I += (1/2) (4 x - I), v += (1/4) (0 - v + 2 I).
  const NirCubaLi li{one(2), one(4), one(2), one(0), one(4)};
  // x = 1, 0: I = 2, 1. After: v = 1, then 1 + (1/4)(-1 + 2) = 1.25.
  CHECK(run_chain(li, {1, 0}, euler(1)).output == std::vector<double>{1, 1.25});
  // Before: v = 0, then (1/4)(0 + 4) = 1.
  NirRunOptions before = euler(1);
  before.current = NirCurrent::previous;
  CHECK(run_chain(li, {1, 0}, before).output == std::vector<double>{0, 1});
  const NirCubaLif lif{one(2), one(4), one(2), one(0), one(1), one(0), one(4)};
  const Run fired = run_chain(lif, {1, 0}, euler(1));
  CHECK(fired.output == std::vector<double>{0, 1});  // 1 is not above 1, 1.25 is
  CHECK(fired.potential == std::vector<double>{1, 0});
}

TEST_CASE("exponential steps are the exact solution for constant input") {
  // LI: v(t) = 3 (1 - exp(-t)) for tau = 1, v_leak = 1, r x = 2; any step size ends there.
  const double expected = 3.0 * (1.0 - std::exp(-1.0));
  for (const int steps : {1, 4, 100}) {
    const std::vector<double> x(static_cast<std::size_t>(steps), 1.0);
    const Run run = run_chain(NirLi{one(1), one(2), one(1)}, x, exponential(1.0 / steps));
    CHECK(std::abs(run.output.back() - expected) < 1e-13);
  }
  // CubaLI with tau_syn = tau_mem = 1, w_in x = 1, r = 1: I(t) = 1 - exp(-t) and
  // v(t) = 1 - (1 + t) exp(-t). With tau_syn = 1/2: I = 1 - exp(-2 t),
  // v(t) = 1 - 2 exp(-t) + exp(-2 t).
  const double e = std::exp(-1.0);
  for (const int steps : {1, 3, 50}) {
    const std::vector<double> x(static_cast<std::size_t>(steps), 1.0);
    const auto last = [&](double tau_syn) {
      return run_chain(NirCubaLi{one(tau_syn), one(1), one(1), one(0), one(1)}, x,
                       exponential(1.0 / steps))
          .output.back();
    };
    CHECK(std::abs(last(1.0) - (1.0 - 2.0 * e)) < 1e-13);
    CHECK(std::abs(last(0.5) - (1.0 - 2.0 * e + e * e)) < 1e-13);
    CHECK(std::abs(last(1.0) - last(1.0 + 1e-9)) < 1e-8);  // no cancellation near equal constants
    CHECK(std::abs(last(1e-9) - (1.0 - e)) < 1e-8);        // a current without delay is a LIF's
  }
}

TEST_CASE("Euler converges to the exact solution with the first power of dt") {
  const NirCubaLi li{one(0.3), one(0.7), one(1.5), one(0.2), one(2)};
  const auto last = [&](int steps, bool exact) {
    const std::vector<double> x(static_cast<std::size_t>(steps), 1.0);
    const double dt = 1.0 / steps;
    return run_chain(li, x, exact ? exponential(dt) : euler(dt)).output.back();
  };
  const double coarse = std::abs(last(1000, false) - last(1000, true));
  const double fine = std::abs(last(2000, false) - last(2000, true));
  CHECK(coarse / fine == doctest::Approx(2.0).epsilon(0.01));
}

TEST_CASE("continuous time fires where the potential crosses, several times in a step") {
  // LIF, tau = 1, r x = 2, threshold 1, reset 0: from 0 the threshold is met every ln 2.
  // dt = 1: one spike, and v = 2 (1 - exp(-(1 - ln 2))) = 2 - 4/e.
  const NirLif lif{one(1), one(2), one(0), one(1), one(0)};
  const double e = std::exp(1.0);
  const Run run = run_chain(lif, {1, 1, 0}, continuous(1));
  // Step 2: from 2 - 4/e, ln((4/e) / 1) = 2 ln 2 - 1 to the next, then ln 2 more: two spikes, as
  // 3 ln 2 - 1 = 1.079 > 1: no, one spike; v = 2 (1 - exp(-(2 - 2 ln 2))) = 2 - 8/e^2.
  CHECK(run.output == std::vector<double>{1, 1, 0});
  check_close(run.potential, {2 - 4 / e, 2 - 8 / (e * e), (2 - 8 / (e * e)) / e}, 1e-14);
  // IF with r x = 3.5 and dt = 1 from 0: spikes at 2/7, 4/7, 6/7, and v = 3.5 / 7 = 0.5.
  const Run fast = run_chain(NirIf{one(3.5), one(1), one(0)}, {1}, continuous(1));
  CHECK(fast.output == std::vector<double>{3});
  check_close(fast.potential, {0.5}, 1e-14);
}

TEST_CASE("a spike passes feed-forward nodes at once, and recurrent edges one step later") {
  const NirRunOptions step = euler(1);
  CHECK(run_nir(graph_of({{"a", relay()}, {"b", relay()}, {"c", relay()}},
                         {{"in", "a"}, {"a", "b"}, {"b", "c"}, {"c", "out"}}),
                3, std::vector<double>{1, 0, 1}, step)
            .output == std::vector<double>{1, 0, 1});
  // A neuron that excites itself goes on for ever.
  CHECK(run_nir(graph_of({{"a", relay()}}, {{"in", "a"}, {"a", "a"}, {"a", "out"}}), 3,
                std::vector<double>{1, 0, 0}, step)
            .output == std::vector<double>{1, 1, 1});
  // lif -> rec -> lif: the recurrent weights see the step before, their bias acts from the first.
  const NirAffine rec{array_of({1, 1}, {0}), one(1)};
  CHECK(run_nir(graph_of({{"a", relay()}, {"rec", rec}},
                         {{"in", "a"}, {"a", "rec"}, {"rec", "a"}, {"a", "out"}}),
                2, std::vector<double>{0, 0}, step)
            .output == std::vector<double>{1, 1});
  // a -> b -> a: forward at once, back one step later, whatever the names are.
  for (const auto& [first, second] : {std::pair{"a", "z"}, std::pair{"z", "a"}}) {
    CHECK(run_nir(graph_of({{first, relay()}, {second, relay()}},
                           {{"in", first}, {first, second}, {second, first}, {second, "out"}}),
                  3, std::vector<double>{1, 0, 0}, step)
              .output == std::vector<double>{1, 1, 1});
  }
  // Two neurons side by side excite each other one step later, both ways.
  NirRunOptions both = step;
  both.record = {"a", "b"};
  const NirRun side = run_nir(
      graph_of({{"a", relay()}, {"b", relay()}, {"x2", times(2)}},
               {{"in", "a"}, {"in", "x2"}, {"x2", "b"}, {"a", "b"}, {"b", "a"}, {"b", "out"}}),
      2, std::vector<double>{0.4, 0}, both);
  // Step 0: a gets 0.4, b gets 0.8 and fires. Step 1: a has 0.4 + 1.
  CHECK(side.traces.at("a").output == std::vector<double>{0, 1});
  CHECK(side.traces.at("b").output == std::vector<double>{1, 0});
  // A node between that also leads out is computed for both: at once for `out`, late for `a`.
  NirRunOptions record = step;
  record.record = {"s"};
  const NirRun shared =
      run_nir(graph_of({{"a", relay()}, {"rec", times(1)}, {"s", NirScale{one(3)}}},
                       {{"in", "a"}, {"a", "s"}, {"s", "out"}, {"s", "rec"}, {"rec", "a"}}),
              3, std::vector<double>{1, 0, 0}, record);
  CHECK(shared.output == std::vector<double>{3, 3, 3});
  CHECK(shared.traces.at("s").output == shared.output);
  // A skip from a farther neuron is no recurrence: both arrive in the same step.
  CHECK(run_nir(graph_of({{"a", relay()}, {"half", times(0.3)}, {"c", relay()}},
                         {{"in", "a"}, {"a", "c"}, {"in", "half"}, {"half", "c"}, {"c", "out"}}),
                1, std::vector<double>{1}, step)
            .output == std::vector<double>{1});
}

TEST_CASE("delays count in whole steps, and a loop through one needs no further delay") {
  const NirRunOptions step = euler(1e-3);
  NirGraph graph = chain(NirDelay{one(double{2e-3F})});  // float32, off by 5e-11 s
  CHECK(run_nir(graph, 4, std::vector<double>{5, 6, 7, 8}, step).output ==
        std::vector<double>{0, 0, 5, 6});
  graph = chain(NirDelay{one(0)});
  CHECK(run_nir(graph, 2, std::vector<double>{5, 6}, step).output == std::vector<double>{5, 6});
  // A spike that goes round a loop with a delay of two steps is back after two steps.
  NirIf fast = relay();
  fast.r = one(1000);
  CHECK(run_nir(graph_of({{"a", fast}, {"d", NirDelay{one(2e-3)}}},
                         {{"in", "a"}, {"a", "d"}, {"d", "a"}, {"a", "out"}}),
                5, std::vector<double>{1, 0, 0, 0, 0}, step)
            .output == std::vector<double>{1, 0, 1, 0, 1});
  CHECK(refusal(chain(NirDelay{one(1.5e-3)}), step) ==
        "n: a delay of 0.0015 s is not a whole number of steps of 0.001 s");
  CHECK(thrown([&] { (void)refusal(chain(NirDelay{one(1e30)}), step); }) == std::nullopt);
  CHECK(refusal(chain(NirDelay{one(1e30)}), step) ==
        "n: its delays keep more than 134217728 values");
}

TEST_CASE("convolution, pooling, flatten and batched products, by hand") {
  NirConv1d conv;
  conv.weight = array_of({1, 1, 2}, {1, 10});
  conv.bias = one(0.5);
  conv.stride = 2;
  conv.dilation = 2;
  conv.padding = std::array<std::uint64_t, 1>{1};
  NirGraph graph;
  graph.nodes = {{"in", NirInput{{1, 4}}}, {"n", conv}, {"out", NirOutput{{1, 2}}}};
  graph.edges = {{"in", "n"}, {"n", "out"}};
  // 0 1 2 3 4 0, window of 1 and 3, stride 2: 0 + 10*2, 2 + 10*4.
  CHECK(run_nir(graph, 1, std::vector<double>{1, 2, 3, 4}).output ==
        std::vector<double>{20.5, 42.5});
  conv.padding = NirPaddingMode::same;
  conv.stride = 1;
  conv.dilation = 1;
  graph.nodes = {{"in", NirInput{{1, 4}}}, {"n", conv}, {"out", NirOutput{{1, 4}}}};
  // One zero is put at the end: 1 + 20, 2 + 30, 3 + 40, 4.
  CHECK(run_nir(graph, 1, std::vector<double>{1, 2, 3, 4}).output ==
        std::vector<double>{21.5, 32.5, 43.5, 4.5});
  // Sum and mean of 2 x 2 windows, stride 2, one row and column of zeros before: the mean counts
  // them. 1 2 / 3 4 -> 1 | 2 / 3 | 4.
  graph.nodes = {{"in", NirInput{{1, 2, 2}}},
                 {"n", NirSumPool2d{{2, 2}, {2, 2}, {1, 1}}},
                 {"out", NirOutput{{1, 2, 2}}}};
  CHECK(run_nir(graph, 1, std::vector<double>{1, 2, 3, 4}).output ==
        std::vector<double>{1, 2, 3, 4});
  graph.nodes[1].op = NirAvgPool2d{{2, 2}, {2, 2}, {1, 1}};
  CHECK(run_nir(graph, 1, std::vector<double>{1, 2, 3, 4}).output ==
        std::vector<double>{0.25, 0.5, 0.75, 1});
  // [2, 1, 2] weights: two products of one row.
  graph.nodes = {{"in", NirInput{{2, 1, 2}}},
                 {"flat", NirFlatten{std::nullopt, 1, 2}},
                 {"n", NirAffine{array_of({2, 1, 2}, {1, 2, 3, 4}), array_of({2, 1}, {0.5, 0})}},
                 {"out", NirOutput{{2}}}};
  graph.edges = {{"in", "flat"}, {"flat", "n"}, {"n", "out"}};
  CHECK(run_nir(graph, 1, std::vector<double>{1, 1, 1, 10}).output == std::vector<double>{3.5, 43});
}

TEST_CASE("several inputs and outputs stand side by side, in order of nodes") {
  NirGraph graph;
  graph.nodes = {
      {"a", NirInput{{1}}}, {"b", NirInput{{2}}}, {"x", NirOutput{{2}}}, {"y", NirOutput{{1}}}};
  graph.edges = {{"a", "y"}, {"b", "x"}};
  CHECK(run_nir(graph, 2, std::vector<double>{1, 2, 3, 4, 5, 6}).output ==
        std::vector<double>{2, 3, 1, 5, 6, 4});
}

TEST_CASE("graphs that do not run are refused by node") {
  const std::vector<double> x = {1.0};
  CHECK(refusal(graph_of({{"a", times(1)}, {"b", times(1)}},
                         {{"in", "a"}, {"a", "b"}, {"b", "a"}, {"b", "out"}})) ==
        "a: waits for a cycle that holds no neuron and no delay of a step or more");
  CHECK(refusal(graph_of({{"a", times(1)}}, {{"in", "out"}})) == "a: has no source");
  CHECK(refusal(graph_of({{"a", NirScale{ones(2)}}}, {{"in", "a"}, {"in", "out"}})) ==
        "a: takes [2], and gets [1]");
  CHECK(refusal(graph_of({{"two", NirI{ones(2)}}, {"w", NirLinear{array_of({2, 1}, {1, 1})}}},
                         {{"in", "w"}, {"w", "two"}, {"two", "two"}, {"two", "out"}})) ==
        "out: takes [1], and gets [2]");
  CHECK(refusal(chain(NirLi{one(0), one(1), one(0)})) == "n: a time constant is 0 s");
  CHECK(refusal(chain(NirSumPool2d{{1, 1}, {1, 1}, {0, 0}})) ==
        "n: takes 3 dimensions, and gets [1]");
  CHECK(refusal(chain(cuba_lif(1)), continuous(1e-4)) ==
        "n: a CubaLIF does not run in continuous time");
  CHECK(refusal(chain(NirIf{one(1), one(1), one(1)}), continuous(1e-4)) ==
        "n: v_reset is not below v_threshold, so continuous time never goes on");
  CHECK(refusal(chain(relay()), {.record = {"m"}}) == "record: the graph has no node 'm'");
  CHECK(refusal(chain(relay()), {.dt = 0.0}) == "dt: expected seconds above 0, got 0");
  CHECK(message_of([&] { (void)run_nir(chain(relay()), 2, x); }) ==
        "input: expected [2, 1] values, got 1");
  NirGraph inner = graph_of({}, {{"in", "out"}});
  inner.nodes.push_back({"in2", NirInput{{1}}});
  CHECK(refusal(graph_of({{"sub", inner}}, {{"in", "sub"}, {"sub", "out"}})) ==
        "sub: is a subgraph with 2 inputs; an edge needs exactly one");
  const std::vector<double> huge(400, 1e300);
  CHECK(message_of([&] { (void)run_nir(chain(NirI{one(1e10)}), huge.size(), huge, euler(1)); }) ==
        "n: the potential of neuron 0 is inf");
}

// Question: does a search give the same front whatever the threads and interruptions, do the files
// it writes run to the numbers it reports, and is a search that cannot be refused before any work?
#include "neurojoule/app/search.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "neurojoule/core/atomic_file.hpp"

#include "support/thrown.hpp"
#include "support/tiny_scenario.hpp"

namespace {

using namespace nj;
using nj::testing::message_of;
using nj::testing::TinyScenario;
namespace fs = std::filesystem;

/// Images 0 .. 3 test, 4 .. 9 calibrate, 10 .. 49 validate.
class TinySearch {
 public:
  explicit TinySearch(const std::string& more = "", const std::string& formats = usual_formats) {
    nj::testing::write_made_up_split(tiny_.folder().path(), 50);
    std::string text = TinyScenario::text();
    text.replace(text.find("samples: all"), 12, "samples: 4");
    text += "calibration: {split: test, first: 4, samples: 6}\nsearch:\n  formats: " + formats +
            "\n  validation: {split: test, first: 10, samples: 40}\n" + more;
    tiny_.write(text);
  }
  [[nodiscard]] SearchScenario read(const std::vector<std::string>& overrides = {}) const {
    return read_search(tiny_.file(), overrides);
  }
  [[nodiscard]] fs::path folder(const std::string& name) const {
    fs::create_directories(tiny_.folder() / name);
    return tiny_.folder() / name;
  }
  /// The message behind the file's name.
  [[nodiscard]] std::string refusal(const std::vector<std::string>& overrides = {}) const {
    const std::string message =
        message_of([&] { (void)search(read(overrides), folder("refused"), 1, {}); });
    const std::string file = tiny_.file().string();
    return message.starts_with(file) ? message.substr(file.size()) : message;
  }

  static constexpr const char* usual_formats = "[uniform6, uniform3, pot3, binary]";

 private:
  TinyScenario tiny_;
};

const std::string few = "  layers: {\"block.*\": uniform3, \"patch_embed.rpe*\": binary}\n";

TEST_CASE("the same front at 1, 2 and 4 threads, and what it wrote runs to the same numbers") {
  const TinySearch tiny(few +
                        "  algorithms: [greedy, knapsack, nsga2]\n"
                        "  budget: 24\n");
  const SearchScenario wanted = tiny.read();
  std::string first;
  for (const unsigned threads : {1U, 2U, 4U}) {
    const fs::path folder = tiny.folder("out" + std::to_string(threads));
    const SearchResult result = search(wanted, folder, threads, {});
    write_search_results(wanted, result, folder);
    const std::string json = read_file(folder / "front.json", 1 << 20);
    if (first.empty()) first = json;
    CHECK(json == first);
    CHECK(result.front.size() >= 2);
    CHECK(result.algorithms.size() == 3);
    for (std::size_t i = 1; i < result.front.size(); ++i) {
      CHECK(result.front[i - 1].cost <= result.front[i].cost);
    }
    if (threads != 1) continue;
    for (const SearchPoint& point : result.front) {
      const Batch batch = read_batch(folder / "points" / point.name / "scenario.yaml", {});
      const PreparedRun prepared = prepare(batch.points[0].scenario);
      const RunResult run_again = run(prepared, {});
      CHECK(run_again.correct == point.test_correct);
      CHECK(energy_per_inference(*run_again.chip).value() == point.energy->value());
      CHECK(mean_effective_bits(prepared.network) == point.effective_bits);
    }
    const std::string csv = front_csv(result);
    CHECK(
        csv.starts_with("effective_bits,accuracy,accuracy_drop,test_accuracy,energy_pj,"
                        "linear_bits_ratio,compression,patch_embed.proj_conv,"));
    CHECK(baselines_csv(result).find("uniform3 calibrated") != std::string::npos);
    CHECK(front_svg(result, wanted).ends_with("</svg>\n"));
    CHECK(layer_bits_svg(result, wanted).find("block.0.mlp.fc2_conv") != std::string::npos);
    // The search reads back what it wrote of itself.
    write_file_atomically(folder / "again.yaml", to_yaml(wanted));
    CHECK(to_yaml(read_search(folder / "again.yaml", {})) == to_yaml(wanted));
  }
}

TEST_CASE("the picture of a front whose every point loses much accuracy shows the best of them") {
  const TinySearch tiny("  budget: 4\n  proxies: 0\n  baselines: [binary]\n", "[binary]");
  const SearchScenario wanted = tiny.read();
  SearchResult result = search(wanted, tiny.folder("out"), 1, {});
  REQUIRE(result.front.size() == 1);
  REQUIRE(result.front.front().energy);
  result.reference.test_correct = result.reference.test_samples;
  const auto front_marks = [&](std::uint64_t correct) {
    for (SearchPoint& point : result.front) point.test_correct = correct;
    for (SearchPoint& point : result.baselines) point.test_correct = 0;
    const std::string text = front_svg(result, wanted);
    std::size_t marks = 0;
    for (std::size_t at = text.find("<circle class=\"front\" "); at != std::string::npos;
         at = text.find("<circle class=\"front\" ", at + 1)) {
      ++marks;
    }
    return marks;
  };
  // One in each panel, and one in the legend.
  CHECK(front_marks(result.reference.test_samples) == 3);
  CHECK(front_marks(1) == 3);
  CHECK(front_marks(0) == 3);
  for (SearchPoint& point : result.front) point.energy = Picojoules{0};
  for (SearchPoint& point : result.baselines) point.energy = Picojoules{0};
  CHECK(front_marks(1) == 3);
  CHECK(front_svg(result, wanted).find("nan") == std::string::npos);
}

TEST_CASE("a search that is stopped again and again ends at the same front") {
  const TinySearch tiny(few + "  budget: 40\n  cost: energy\n  scouts: 16\n  proxies: 9\n");
  const SearchScenario wanted = tiny.read();
  const fs::path whole = tiny.folder("whole");
  write_search_results(wanted, search(wanted, whole, 1, {}), whole);

  struct Stop : std::runtime_error {
    Stop() : std::runtime_error("stop") {}
  };
  const fs::path folder = tiny.folder("stopped");
  std::size_t stops = 0;
  for (bool done = false; !done; ++stops) {
    std::size_t reports = 0;
    try {
      const SearchResult result =
          search(wanted, folder, 1, [&](std::string_view stage, std::size_t, std::size_t) {
            if (stage == "greedy" && ++reports > 12 * (1 + stops)) throw Stop();
          });
      write_search_results(wanted, result, folder);
      CHECK(result.algorithms[0].measured < result.algorithms[0].evaluations);
      CHECK(result.algorithms[0].confirmed < result.algorithms[0].evaluations);
      CHECK(result.front_size <= result.algorithms[0].confirmed);
      done = true;
    } catch (const Stop&) {
      CHECK(fs::exists(folder / "scouts.store"));
    }
    REQUIRE(stops < 50);
  }
  CHECK(stops > 2);
  CHECK(read_file(folder / "front.csv", 1 << 20) == read_file(whole / "front.csv", 1 << 20));
  CHECK(read_file(folder / "sensitivity.csv", 1 << 20) ==
        read_file(whole / "sensitivity.csv", 1 << 20));
  const std::string proxies = read_file(whole / "proxies.csv", 1 << 20);
  CHECK(read_file(folder / "proxies.csv", 1 << 20) == proxies);
  CHECK(std::count(proxies.begin(), proxies.end(), '\n') == 10);
  // What was measured is right for other test samples, too.
  SearchScenario retested = wanted;
  retested.scenario.dataset.samples = 3;
  CHECK(search(retested, folder, 1, {}).algorithms[0].measured == 0);
}

TEST_CASE("words are searched with the formats, and go into the points' scenarios") {
  const TinySearch tiny(
      "  layers: {\"block.*\": uniform3, \"patch_embed.*\": [uniform6, uniform3]}\n"
      "  words:\n"
      "    membrane: [24, {bits: 10, fraction_bits: 2}]\n"
      "    accumulator: [32, 6]\n"
      "    attention_score: [{bits: 5, overflow: wrap}]\n"
      "  cost: energy\n  budget: 24\n");
  const SearchScenario wanted = tiny.read();
  const fs::path folder = tiny.folder("out");
  const SearchResult result = search(wanted, folder, 1, {});
  CHECK(result.words ==
        std::vector{SharedWord::membrane, SharedWord::accumulator, SharedWord::attention_score});
  CHECK(result.options[0] == std::vector<std::string>{"24/8", "10/2"});
  CHECK(result.table.loss.size() == result.variables.size());
  const SearchPoint& cheapest = result.front.front();
  const SearchPoint& best = result.front.back();
  CHECK(cheapest.words.bits(SharedWord::membrane) == 10);
  CHECK(best.words.bits(SharedWord::attention_score) == 5);
  CHECK(best.words.score.overflow == Overflow::wrap);
  CHECK(cheapest.energy->value() < best.energy->value());
  for (const SearchPoint& point : result.front) {
    const Batch batch = read_batch(folder / "points" / point.name / "scenario.yaml", {});
    const PreparedRun prepared = prepare(batch.points[0].scenario);
    CHECK(prepared.network.words() == point.words);
    const RunResult run_again = run(prepared, {});
    CHECK(run_again.correct == point.test_correct);
    CHECK(energy_per_inference(*run_again.chip).value() == point.energy->value());
  }
  CHECK(front_csv(result).find(",head,membrane,accumulator,attention_score\n") !=
        std::string::npos);
  CHECK(front_json(result, wanted).find("\"membrane\": \"10/2\"") != std::string::npos);
  CHECK(layer_bits_svg(result, wanted).find(">attention_score</text>") != std::string::npos);
  CHECK(sensitivity_csv(result).find("\nmembrane,10/2,") != std::string::npos);
  write_file_atomically(folder / "again.yaml", to_yaml(wanted));
  CHECK(to_yaml(read_search(folder / "again.yaml", {})) == to_yaml(wanted));

  CHECK(
      tiny.refusal({"search.cost=effective_bits"})
          .ends_with("search.words: words add nothing to effective_bits; the cost must be energy, "
                     "latency, memory or area"));
  CHECK(tiny.refusal({"search.words.membrane=[24, 9]"}).find("search.words.membrane[1]: ") !=
        std::string::npos);
  CHECK(tiny.refusal({"search.words.accumulator=[8, {bits: 8}]"}).ends_with("is there twice"));
  CHECK(tiny.refusal({"search.words={threshold: [3]}"}).find("threshold") != std::string::npos);
}

TEST_CASE("latency and memory of a chip are costs and limits like others") {
  const TinySearch tiny(few + "  budget: 24\n  cost: latency\n  words: {accumulator: [32, 8]}\n");
  const fs::path folder = tiny.folder("out");
  // Words so narrow that a format's width is that of the words that a spike reads.
  const fs::path chip = tiny.folder("chips") / "narrow.yaml";
  write_file_atomically(chip,
                        "base: mesh45\ncore_kinds: {neuron: {synapse_memory: {capacity: 128 KiB, "
                        "word: 8 bit}}}\n");
  const SearchResult fast = search(tiny.read({"chip=" + chip.string()}), folder, 1, {});
  REQUIRE(fast.front.size() >= 2);
  CHECK(fast.front.front().cost < fast.front.back().cost);
  CHECK(fast.front.front().latency < fast.front.back().latency);
  // As the float32 spikes have it: near what a point takes with its own.
  for (const SearchPoint& point : fast.front) {
    CHECK(point.cost > 0.5 * static_cast<double>(point.latency->value()));
    CHECK(point.cost < 2.0 * static_cast<double>(point.latency->value()));
  }

  const auto memory_of = [](const fs::path& of, const SearchPoint& point) {
    const fs::path file = of / "points" / point.name / "scenario.yaml";
    const PreparedRun run = prepare(read_batch(file, {}).points[0].scenario);
    std::uint64_t bits = 0;
    for (const Footprint& use : footprints(run.network.network(), run.populations, run.chip->widths,
                                           run.chip->chip, run.chip->mapping)) {
      for (const std::uint64_t memory : use.memory_bits) bits += memory;
      bits -= use.bits(MemoryUnit::score_memory);  // cores that add scores first have none
    }
    return static_cast<double>(bits);
  };
  const fs::path other = tiny.folder("small");
  const SearchResult small = search(tiny.read({"search.cost=memory"}), other, 1, {});
  REQUIRE(small.front.size() >= 2);
  for (const SearchPoint& point : small.front) CHECK(point.cost == memory_of(other, point));

  const TinySearch bits(few + "  budget: 20\n  cost: effective_bits\n");
  const fs::path any = bits.folder("any");
  const SearchResult free = search(bits.read(), any, 1, {});
  REQUIRE(free.front.size() >= 3);
  const double limit = memory_of(any, free.front[1]);
  REQUIRE(memory_of(any, free.front.back()) > limit);
  const fs::path below = bits.folder("below");
  const SearchResult limited =
      search(bits.read({fmt::format("search.constraints.memory={} bit", limit),
                        "search.constraints.latency=1 s"}),
             below, 1, {});
  for (const SearchPoint& point : limited.front) CHECK(memory_of(below, point) <= limit);
  CHECK(tiny.refusal({"search.constraints.memory=1 KiB"})
            .find(": search.constraints.memory: at least ") == 0);
  CHECK(tiny.refusal({"search.constraints.latency=1 ns"})
            .find(": search.constraints.latency: at least ") == 0);
  CHECK(tiny.refusal({"search.cost=memory", "chip=pe_array45"})
            .find("a chip with an array has no cores whose memories could be added") !=
        std::string::npos);
  CHECK(tiny.refusal({"search.constraints.latency=1"}).find("unit") != std::string::npos);
}

/// A chip on mesh45 and prices on horowitz45, with areas of such `points`.
std::vector<std::string> made_up(const fs::path& folder, const std::string& chip,
                                 const std::string& points, const std::string& entries = "[]") {
  write_file_atomically(folder / "prices.yaml",
                        "name: made_up\nbase: horowitz45\nareas: {sram: {source: s, points: {" +
                            points + "}}}\nentries: " + entries + "\n");
  write_file_atomically(folder / "chip.yaml", "base: mesh45\n" + chip);
  return {"chip=" + (folder / "chip.yaml").string(), "prices=" + (folder / "prices.yaml").string()};
}

double area_of(const Scenario& scenario) {
  return ChipCosts(scenario).area(prepare(scenario).network).value();
}

TEST_CASE("area: an SRAM of just the bits for each bank of each memory that takes any") {
  const TinyScenario tiny;
  const auto on = [&](const std::string& chip, const std::string& points) {
    const auto with = made_up(tiny.folder().path(), chip, points);
    return read_batch(tiny.file(), with).points[0].scenario;
  };
  // 12 cores hold weights, 16 sums (both in words of 128 bits), 12 membranes (64 bits); one of the
  // latter two is for attention and holds q, k and v (64 bits). Where every SRAM of a word is
  // alike, with weights in 4 banks: 2 x (12 x 4 + 16) + 1 x (12 + 1) = 141.
  const Scenario banks =
      on("core_kinds: {neuron: {synapse_memory: {capacity: 128 KiB, word: 128 bit, banks: 4}}}\n",
         "1 bit: {64: 0.001 mm2, 128: 0.002 mm2}, 1 MiB: {64: 0.001 mm2, 128: 0.002 mm2}");
  CHECK(area_of(banks) == doctest::Approx(0.141).epsilon(1e-12));
  // Of weights there are 36 + 72 + 288 + 1152 + 2304 in convolutions, 4 x 256 + 2 x 512 in the
  // block and 160 in the head: 6060 x 8 bits, and 159 scales of 32 bits, in all 53,568. Of sums
  // 245,228 bits, of membranes 194,784. q, k and v of 25 tokens and two steps: 3 x 16 x 25 x 2 =
  // 2400. With 2 um2 for a bit in words of 128 bits, and 1 in 64: 2 x (53,568 + 245,228) +
  // 194,784 + 2400 = 794,776.
  const Scenario even = on("", "1000 bit: {64: 0.001 mm2, 128: 0.002 mm2}");
  CHECK(area_of(even) == doctest::Approx(0.794776).epsilon(1e-12));
  CHECK(ChipCosts(even).memory(prepare(even).network).value() == 53'568 + 245'228 + 194'784 + 2400);
}

TEST_CASE("area of a chip's memories is a cost and a limit like others") {
  const TinySearch tiny(few + "  budget: 24\n  points: 3\n  baselines: [uniform6]\n");
  const auto area_at = [](const fs::path& of, const SearchPoint& point) {
    return area_of(read_batch(of / "points" / point.name / "scenario.yaml", {}).points[0].scenario);
  };
  const fs::path any = tiny.folder("any");
  const SearchScenario wanted = tiny.read({"search.cost=area"});
  const SearchResult small = search(wanted, any, 1, {});
  REQUIRE(small.front.size() == 3);
  for (const SearchPoint& point : small.front) CHECK(point.cost == area_at(any, point));
  CHECK(small.front[0].cost < small.front[2].cost);
  CHECK(front_json(small, wanted).find(fmt::format("\"cost\": {}", small.front[2].cost)) !=
        std::string::npos);

  const double limit = small.front[1].cost;
  const fs::path below = tiny.folder("below");
  const std::string constraint = fmt::format("search.constraints.area={} mm2", limit);
  const SearchScenario limited = tiny.read({constraint, "search.cost=effective_bits"});
  for (const SearchPoint& point : search(limited, below, 1, {}).front) {
    CHECK(area_at(below, point) <= limit);
  }
  write_file_atomically(below / "again.yaml", to_yaml(limited));
  CHECK(to_yaml(read_search(below / "again.yaml", {})) == to_yaml(limited));
}

TEST_CASE("areas that nobody can tell are refused, with their place") {
  const TinySearch tiny(few + "  cost: area\n");
  CHECK(tiny.refusal({"search.constraints.area=0.1 mm2"})
            .starts_with(": search.constraints.area: at least 0."));
  CHECK(tiny.refusal({"search.constraints.area=0.1 mm"})
            .ends_with("search.constraints.area: unknown unit 'mm' in '0.1 mm', expected one of "
                       "mm2, um2"));
  const std::string why =
      "area needs a price table that says what memories cover; 'loihi1_published' does not";
  CHECK(tiny.refusal({"prices=loihi1_published"}) == ":24:3: search.cost: " + why);
  CHECK(tiny.refusal({"prices=loihi1_published", "search.cost=effective_bits",
                      "search.constraints.area=1 mm2"}) == ": search.constraints.area: " + why);
  CHECK(tiny.refusal({"chip=pe_array45"})
            .find("a chip with an array has no cores whose memories could be added") !=
        std::string::npos);
  const auto on = [&](const std::string& chip, const std::string& entries = "[]") {
    return tiny.refusal(
        made_up(tiny.folder("made_up"), chip, "1 KiB: {64: 1 mm2, 128: 1 mm2}", entries));
  };
  CHECK(on("technology: {node: 32 nm}\n") ==
        ":24:3: search.cost: areas are not scaled: 'made_up' is for 45 nm, and 'mesh45' has 32 nm");
  CHECK(on("core_kinds: {neuron: {membrane_memory: {capacity: 12 KiB, word: 64 bit, ports: 2}}}\n")
            .ends_with("neuron.membrane_memory has 2 ports, and areas are of memories with one"));
  const std::string narrow =
      "core_kinds: {neuron: {membrane_memory: {capacity: 12 KiB, word: 32 bit}}}\n";
  const std::string words =
      "neuron.membrane_memory has words of 32 bits, and areas are of words of 64 to 128 bits";
  CHECK(on(narrow).ends_with(words));
  const Scenario scenario =
      tiny.read({"chip=" + (tiny.folder("made_up") / "chip.yaml").string(),
                 "prices=" + (tiny.folder("made_up") / "prices.yaml").string()})
          .scenario;
  CHECK(message_of([&] { ChipCosts(scenario).check_area({}); }).ends_with(words));  // at once
  CHECK(on("",
           "[{action: read_word, component: '*.membrane_memory', category: state_memory,\n"
           "  register_file: {per_bit: {1: 1 pJ, 4096: 2 pJ}}, source: s}]")
            .ends_with("neuron.membrane_memory is made of registers, and areas are of SRAMs"));
  SearchScenario nowhere = tiny.read();
  nowhere.scenario.chip.reset();
  const auto refused = [&] {
    const fs::path file = tiny.folder("made_up") / "nowhere.yaml";
    write_file_atomically(file, to_yaml(nowhere));
    return message_of([&] { (void)read_search(file, {}); });
  };
  CHECK(refused().ends_with("search.cost: area needs a chip"));
  nowhere.spec.cost = SearchCost::effective_bits;
  nowhere.spec.constraints.area = SquareMillimetres(1);
  CHECK(refused().ends_with("search.constraints.area: area needs a chip"));
}

TEST_CASE("greedy reaches most of what an exhaustive search finds, and no more") {
  const TinySearch tiny(
      "  layers: {\"block.*\": uniform3, \"patch_embed.*\": [uniform6, uniform3, binary]}\n"
      "  ties: [[patch_embed.proj_conv2, patch_embed.proj_conv3, patch_embed.rpe_conv]]\n"
      "  algorithms: [exhaustive, greedy]\n  points: 2\n",
      "[uniform6, uniform3]");
  const SearchResult result = search(tiny.read(), tiny.folder("out"), 2, {});
  // Three variables of three formats and the head with two; the block has one.
  CHECK(result.variables.size() == 3 + 6 + 1);
  CHECK(result.algorithms[0].evaluations == 3 * 3 * 3 * 2);
  CHECK(result.algorithms[1].evaluations < 3 * 3 * 3 * 2);
  CHECK(result.algorithms[1].hypervolume <= result.algorithms[0].hypervolume * (1 + 1e-12));
  CHECK(result.algorithms[1].hypervolume >= 0.9 * result.algorithms[0].hypervolume);
  for (const SearchPoint& point : result.front) {
    CHECK(point.formats[2] == point.formats[4]);  // tied
    CHECK(point.formats[2] == point.formats[3]);
  }
}

TEST_CASE("searches that cannot be are refused, with their place") {
  CHECK(TinySearch("  layers: {\"block.*.fc3\": binary}\n").refusal() ==
        ":23:12: search.layers.block.*.fc3: 'block.*.fc3' matches no layer with weights");
  CHECK(TinySearch("  ties: [[head, \"block.0.attn.q_conv\"]]\n").refusal() ==
        ":23:10: search.ties[0]: 'head' and 'block.0.attn.q_conv' have different formats to choose "
        "from");
  CHECK(TinySearch("", "[uniform6, uniform6]").refusal() ==
        ":21:23: search.formats[1]: is there twice");
  CHECK(TinySearch("", "[]").refusal() == ":21:3: search.formats: expected at least one format");
  CHECK(TinySearch("", "[float32]").refusal() == ":21:13: search.formats[0]: float32 is no choice");
  CHECK(
      TinySearch("", "[apot4]")
          .refusal()
          .starts_with(
              ": search.formats: the chip takes none of the formats of 'patch_embed.proj_conv': "));
  CHECK(TinySearch("  constraints: {effective_bits: 1}\n").refusal() ==
        ": search.constraints.effective_bits: at least 1.8396 bits with the cheapest formats, the "
        "limit is 1 bits");
  CHECK(
      TinySearch("  constraints: {storage: 1 KiB, accuracy_drop: 01 %}\n")
          .refusal()
          .ends_with("search.constraints.accuracy_drop: a leading zero is ambiguous, got '01 %'"));
  CHECK(TinySearch("  constraints: {storage: 1 KiB, accuracy_drop: 1 %}\n").refusal() ==
        ": search.constraints.accuracy_drop: 40 samples tell a drop of 7.49 % at the confidence "
        "0.95, not 1 %; at least 300 are needed");
  CHECK(TinySearch("  constraints: {accuracy_drop: much}\n").refusal() ==
        ":23:17: search.constraints.accuracy_drop: expected a number, got 'much'");
  const TinySearch plain;
  CHECK(plain.refusal({"search.scouts=41"}).find("expected 8..40") != std::string::npos);
  CHECK(plain.refusal({"search.validation={split: test, first: 3, samples: 8}"}) ==
        "--set search.validation={split: test, first: 3, samples: 8}: search.validation: the "
        "validation samples are test samples, too");
  CHECK(plain.refusal({"calibration.first=3"}) ==
        ":19:1: calibration: the calibration samples are test samples, too");
  CHECK(plain.refusal({"search.validation={split: test, first: 10, samples: 41}"}) ==
        "--set search.validation={split: test, first: 10, samples: 41}: search.validation.samples: "
        "41 samples from 10 on wanted, the test split has 50");
  CHECK(plain.refusal({"search.algorithms=[annealing]"}).find("exhaustive") != std::string::npos);
  CHECK(plain.refusal({"search.pints=3"}).find("did you mean 'points'?") != std::string::npos);
  CHECK(plain.refusal({"calibration.samples=1"}).find("expected 2..4096") != std::string::npos);
  CHECK(message_of([] {
          const TinyScenario tiny;
          (void)read_search(tiny.file(), {});
        }).ends_with("a search needs a `search:` block"));
}

TEST_CASE("a calibrated run: part of the scenario and of its hash") {
  const TinySearch tiny;
  Scenario scenario = tiny.read().scenario;
  const PreparedRun calibrated = prepare(scenario);
  Scenario other = scenario;
  other.calibration->spec.damping = 0.5;
  CHECK(prepare(other).hash != calibrated.hash);
  other = scenario;
  other.calibration->dataset.first = 5;
  CHECK(prepare(other).hash != calibrated.hash);
  other.calibration.reset();
  const PreparedRun rounded = prepare(other);
  CHECK(rounded.hash != calibrated.hash);
  const LayerId first = rounded.network.network().weighted_layers()[0];
  CHECK(rounded.network.layer(first).synapses->tensor !=
        calibrated.network.layer(first).synapses->tensor);
}

TEST_CASE("rank correlation, by hand") {
  const std::vector<double> a{1, 2, 3, 4};
  CHECK(rank_correlation(a, std::vector<double>{10, 20, 40, 400}) ==
        doctest::Approx(1.0).epsilon(1e-12));
  CHECK(rank_correlation(a, std::vector<double>{4, 3, 2, 1}) ==
        doctest::Approx(-1.0).epsilon(1e-12));
  // Ranks 1 2 3 4 and 1.5 1.5 3 4: deviations -1.5 -0.5 0.5 1.5 and -1 -1 0.5 1.5: sums of products
  // 4.5, 5 and 4.5.
  CHECK(rank_correlation(a, std::vector<double>{7, 7, 8, 9}) ==
        doctest::Approx(4.5 / std::sqrt(5.0 * 4.5)).epsilon(1e-12));
  CHECK(rank_correlation(a, std::vector<double>{1, 1, 1, 1}) == 0.0);
}

TEST_CASE("Wilson's interval, by hand") {
  // 8 of 10, z = 1.96: (0.8 + 0.19207) / 1.38415 = 0.71674 -+ 1.95996 / 1.38415 *
  // sqrt(0.016 + 0.0096036) = 0.22657.
  const ShareInterval interval = wilson_interval(8, 10);
  CHECK(interval.low == doctest::Approx(0.4902).epsilon(1e-3));
  CHECK(interval.high == doctest::Approx(0.9433).epsilon(1e-3));
  CHECK(wilson_interval(10, 10).high == doctest::Approx(1.0).epsilon(1e-12));
}

}  // namespace

// Question: does a model do the same from a file of its own as from its checkpoint, does it survive
// every form that it can be written in, and is what cannot be read refused?
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <neurojoule/app/model_exchange.hpp>
#include <neurojoule/app/report.hpp>
#include <neurojoule/models/layer_list.hpp>
#include <neurojoule/models/model_file.hpp>

#include "random_model.hpp"
#include "support/same_model.hpp"
#include "support/tiny_run.hpp"

using namespace nj;
using nj::testing::Finished;
using nj::testing::message_of;
using nj::testing::run_tiny;
using nj::testing::TinyScenario;

namespace {

/// result.json but for the hash, which covers the form of the model.
nlohmann::json results(const Finished& finished) {
  auto json = nlohmann::json::parse(result_json(finished.prepared, finished.result));
  json.erase("scenario_hash");
  return json;
}

/// The scenario's text with a model file in place of its `model:` block.
void use_file(const TinyScenario& tiny, const std::string& file, bool with_chip = true) {
  std::string text = TinyScenario::text();
  if (!with_chip) text = text.substr(0, text.find("chip:"));
  tiny.write("name: tiny\nmodel: {file: " + file + "}\n" + text.substr(text.find("dataset:")));
}

std::uint64_t spikes_of(const nlohmann::json& json) {
  std::uint64_t spikes = 0;
  for (const auto& layer : json["layers"]) spikes += layer["counts"]["spikes"].get<std::uint64_t>();
  return spikes;
}

/// Neurons of three kinds between convolutions, and a classifier on the pooled spikes.
Model convolutional(std::int16_t max_input = 15) {
  Network network = Network::build({
      {"input", Input{{2, 34, 34}, max_input}, {}},
      {"conv", Conv2d{2, 6, 4, 4, 1}, {{"input"}}},
      {"lif", Lif{2.0, 1.0}, {{"conv"}}},
      {"conv/2", Conv2d{6, 8, 3, 2, 1}, {{"lif"}}},
      {"soft", Lif{4.0, 0.5, Reset::by_subtraction, false}, {{"conv/2"}}},
      {"pool", AveragePool2d{2, 2, 0}, {{"soft"}}},
      {"flat", Flatten{}, {{"pool"}}},
      {"fc", Conv2d{32, 12}, {{"flat"}}},
      {"if", Lif{.tau = no_leak, .v_threshold = 0.5, .decay_input = false}, {{"fc"}}},
      {"head", ClassifierHead{12, 10}, {{"if"}}},
  });
  return nj::test::random_model(std::move(network), 4, 3);
}

/// What `action` throws, without the folder of the test.
template <class Action>
std::string refusal(const TinyScenario& tiny, Action&& action) {
  std::string message = message_of(std::forward<Action>(action));
  const std::string folder = tiny.folder().path().string() + "/";
  for (std::size_t i = message.find(folder); i != std::string::npos; i = message.find(folder)) {
    message.erase(i, folder.size());
  }
  return message;
}

std::string refused_run(const TinyScenario& tiny, const std::vector<std::string>& overrides = {}) {
  return refusal(tiny,
                 [&] { prepare(read_batch(tiny.file(), overrides).points.front().scenario); });
}

std::string refused_import(const TinyScenario& tiny, const std::string& name,
                           const std::optional<NirImportOptions>& nir = std::nullopt) {
  return refusal(tiny, [&] { (void)import_model(tiny.folder() / name, nir); });
}

}  // namespace

TEST_CASE("an imported model runs to the same result as the scenario with the checkpoint") {
  const TinyScenario tiny;
  const Finished checkpoint = run_tiny(tiny);
  write_model_file(import_model(tiny.file(), std::nullopt), tiny.folder() / "model.h5");
  use_file(tiny, "model.h5");
  const Finished file = run_tiny(tiny);
  CHECK(file.result.predictions == checkpoint.result.predictions);
  CHECK(file.result.activity == checkpoint.result.activity);
  CHECK(results(file) == results(checkpoint));
  CHECK(results(file)["counts"]["spikes"] > 1000);
  CHECK(file.prepared.hash != checkpoint.prepared.hash);

  // A `model:` block that stands alone is enough.
  std::string text = TinyScenario::text();
  text = text.substr(text.find("model:"), text.find("dataset:") - text.find("model:"));
  write_file_atomically(tiny.folder() / "alone.yaml", text);
  CHECK(nj::test::same(import_model(tiny.folder() / "alone.yaml", std::nullopt),
                       read_model_file(tiny.folder() / "model.h5")));
}

TEST_CASE("a scenario with a model file resolves to itself, and its hash covers the content") {
  const TinyScenario tiny;
  write_model_file(convolutional(), tiny.folder() / "a.h5");
  use_file(tiny, "a.h5", false);
  const Finished finished = run_tiny(tiny);
  write_results(finished.prepared, finished.result, tiny.folder() / "out");
  const Scenario again =
      read_batch(tiny.folder() / "out" / "scenario.resolved.yaml", {}).points.front().scenario;
  CHECK(std::get<ModelFile>(again.model).path == (tiny.folder() / "a.h5").string());
  CHECK(to_yaml(again) == to_yaml(finished.prepared.scenario));
  const PreparedRun prepared = prepare(again);
  CHECK(prepared.hash == finished.prepared.hash);
  CHECK(result_json(prepared, run(prepared, {})) ==
        result_json(finished.prepared, finished.result));

  std::filesystem::copy(tiny.folder() / "a.h5", tiny.folder() / "same.h5");
  CHECK(run_tiny(tiny, {"model.file=same.h5"}).prepared.hash == prepared.hash);
  Model other = convolutional();
  other.weights[1]->bias[0] += 0.25F;
  write_model_file(other, tiny.folder() / "other.h5");
  CHECK(run_tiny(tiny, {"model.file=other.h5"}).prepared.hash != prepared.hash);
}

TEST_CASE("every form that a model is exported in is imported as the same model") {
  const TinyScenario tiny;
  for (const Model& model :
       {convolutional(), nj::test::random_model(nj::test::every_operator(), 5, 8)}) {
    export_model(model, tiny.folder() / "m.h5", std::nullopt);
    CHECK(nj::test::same(read_model_file(tiny.folder() / "m.h5"), model));
    export_model(model, tiny.folder() / "list.yaml", std::nullopt);
    CHECK(nj::test::same(import_model(tiny.folder() / "list.yaml", std::nullopt), model));
    export_model(model, tiny.folder() / "w.safetensors", std::nullopt);
    CHECK(nj::test::same(
        attach_weights(model.network, read_safetensors(tiny.folder() / "w.safetensors"),
                       model.timesteps),
        model));
  }
}

TEST_CASE("a model that went through NIR runs to the same result") {
  const TinyScenario tiny;
  const Model model = convolutional();
  write_model_file(model, tiny.folder() / "a.h5");
  export_model(model, tiny.folder() / "a.nir", 1e-3);
  write_model_file(import_model(tiny.folder() / "a.nir", std::nullopt), tiny.folder() / "b.h5");
  use_file(tiny, "a.h5", false);
  const std::vector<std::string> fine = {"quantization.default={scheme: float32}"};
  for (const auto& overrides : {std::vector<std::string>{}, fine}) {
    auto with_b = overrides;
    with_b.emplace_back("model.file=b.h5");
    const Finished a = run_tiny(tiny, overrides);
    const Finished b = run_tiny(tiny, with_b);
    CHECK(a.result.predictions == b.result.predictions);
    auto left = results(a);
    auto right = results(b);
    for (auto& layer : right["layers"]) {
      if (layer["name"] == "conv.2") layer["name"] = layer["parts"][0] = "conv/2";
    }
    CHECK(left == right);
    CHECK(spikes_of(left) > 1000);
  }
}

TEST_CASE("a model file without a classifier gives counts, and no accuracy") {
  const TinyScenario tiny;
  const Network network = Network::build({{"input", Input{{2, 34, 34}, 15}, {}},
                                          {"conv", Conv2d{2, 4, 4, 4, 1}, {{"input"}}},
                                          {"lif", Lif{}, {{"conv"}}}});
  write_model_file(nj::test::random_model(network, 4, 1), tiny.folder() / "m.h5");
  use_file(tiny, "m.h5");
  const auto json = results(run_tiny(tiny));
  CHECK(json["accuracy"].is_null());
  CHECK(json["counts"]["spikes"] > 100);
  CHECK(refused_run(tiny, {"outputs.predictions=true"}) ==
        "scenario.yaml: outputs.predictions: there are none without a classifier");
}

TEST_CASE("a model file that does not fit its dataset, or is none, is refused") {
  const TinyScenario tiny;
  use_file(tiny, "m.h5");
  CHECK(refused_run(tiny) == "scenario.yaml:2:1: model: m.h5: no such file");
  write_model_file(convolutional(3), tiny.folder() / "m.h5");
  CHECK(refused_run(tiny) ==
        "scenario.yaml:3:1: dataset: its values reach 15, the model takes at most 3 (m.h5)");
  write_model_file(convolutional(), tiny.folder() / "m.h5");
  CHECK(refused_run(tiny, {"dataset.framing.timesteps=5"}) ==
        "scenario.yaml:3:1: dataset: it is framed into 5 time steps, the model has 4 (m.h5)");
  CHECK(refused_run(tiny, {"model.family=spikformer"}).find("either family or file") !=
        std::string::npos);
  CHECK(refused_run(tiny, {"model.tau=2"}).find("model.tau: unknown key") != std::string::npos);

  const std::string whole = read_file(tiny.folder() / "m.h5", 1 << 24);
  write_file_atomically(tiny.folder() / "m.h5", whole.substr(0, whole.size() / 2));
  CHECK(refused_run(tiny) == "m.h5: not a readable HDF5 file (another format, or truncated)");
  const std::string pickle =
      "m.h5: a Python pickle, which is never opened; tools/export_checkpoint.py takes the weights "
      "out of a PyTorch checkpoint";
  for (const std::string start : {"\x80\x02\x8a\x0a", "\x80\x04\x95\x10", "PK\x03\x04"}) {
    write_file_atomically(tiny.folder() / "m.h5", start + std::string(100, 'x'));
    CHECK(refused_run(tiny) == pickle);
  }
}

TEST_CASE("what is no model to import or no form to export is refused") {
  const TinyScenario tiny;
  CHECK(refused_import(tiny, "none.nir") == "none.nir: no such file");
  CHECK(refused_import(tiny, "none.yaml") == "none.yaml: no such file");
  CHECK(refused_import(tiny, "model.safetensors").find("does not say what network") !=
        std::string::npos);
  CHECK(refused_import(tiny, "model.pth").find("tools/export_checkpoint.py") != std::string::npos);
  CHECK(refused_import(tiny, "model.txt") ==
        "model.txt: expected a .nir file, or a .yaml file with a model or its layers");
  CHECK(refused_import(tiny, "scenario.yaml", NirImportOptions{}) ==
        "scenario.yaml: time steps, dt, step, reset and input values are for NIR only");
  write_file_atomically(tiny.folder() / "bare.yaml", "model: {family: qkformer}\n");
  CHECK(refused_import(tiny, "bare.yaml") ==
        "bare.yaml: model: names no checkpoint, so there are no weights to import");
  tiny.write(TinyScenario::text() + "sweep: {seed: [1, 2]}\n");
  CHECK(refused_import(tiny, "scenario.yaml") ==
        "scenario.yaml: a model is imported of a single scenario, not of a batch");
  write_file_atomically(tiny.folder() / "zip.nir", "PK\x03\x04");
  CHECK(refused_import(tiny, "zip.nir").find("zip.nir: not a readable HDF5 file") == 0);

  // Spikes that come back two steps late.
  const Model model = convolutional();
  NirGraph graph = export_nir(model);
  NirDelay two_steps{std::get<NirIf>(graph.find("if")->op).r};
  for (double& delay : two_steps.delay.values) delay = 2e-4;
  graph.nodes.push_back({"late", two_steps});
  graph.edges.emplace_back("if", "late");
  graph.edges.emplace_back("late", "if");
  write_nir(tiny.folder() / "cyclic.nir", graph);
  CHECK(refused_import(tiny, "cyclic.nir") ==
        "cyclic.nir: late: delays by 2 time steps; a layer reads what was sent up to one step "
        "before");

  const auto refused_export = [&](const std::string& name, std::optional<double> dt) {
    return refusal(tiny, [&] { export_model(model, tiny.folder() / name, dt); });
  };
  CHECK(refused_export("m.onnx", std::nullopt) ==
        "m.onnx: expected .h5, .nir, .safetensors or .yaml");
  CHECK(refused_export("m.yaml", 1.0) == "m.yaml: dt is for NIR only");
  CHECK(refused_export("m.nir", -1.0) == "m.nir: dt: expected seconds above 0, got -1");
  const Model attention = nj::test::random_model(nj::test::every_operator(), 5, 8);
  CHECK(refusal(tiny, [&] { export_model(attention, tiny.folder() / "m.nir", std::nullopt); }) ==
        "m.nir: maximum: NIR has no node for 'maxpool2d'");
  CHECK_FALSE(std::filesystem::exists(tiny.folder() / "m.nir"));
}

#include <memory>

#include <fmt/format.h>

#include "neurojoule/app/run.hpp"
#include "neurojoule/core/parallel.hpp"

#include "located_file.hpp"

// What a run works on: the scenario's model, which must take its dataset, and frames.
namespace nj {
namespace {

/// What a model takes, and where that is written.
struct ModelInput {
  FrameForm form;
  std::string file;  ///< empty: keys of the scenario's `model:` block

  [[nodiscard]] std::string place(std::string_view key) const {
    return file.empty() ? fmt::format("model.{}", key) : file;
  }
};

ModelInput input_of(const FamilySpec& spec) {
  const FamilyParameters& p = spec.parameters;
  return {{p.input, spec.timesteps, p.min_input, p.max_input, p.input_scale}, ""};
}

ModelInput input_of(const ModelFile& file, const Model& model) {
  for (const LayerSpec& layer : model.network.layers()) {
    if (const auto* input = std::get_if<Input>(&layer.op)) {
      return {{input->shape, model.timesteps, input->min_value, input->max_value, input->scale},
              file.path};
    }
  }
  throw Error(ErrorKind::shape, "the network has no input", {.file = file.path});
}

/// A model takes what the dataset gives; without one, what the scenario says of it.
void require_fit(const Scenario& scenario, const Dataset* dataset, const ModelInput& model) {
  const FrameForm given =
      dataset != nullptr ? dataset->form() : frame_form(scenario.dataset, model.form.shape);
  const FrameForm& taken = model.form;
  const bool events = !scenario.dataset.encoding;
  const auto refuse = [&](ErrorKind kind, const std::string& message, std::string_view key) {
    throw Error(kind, fmt::format("{} ({})", message, model.place(key)), scenario.dataset_location);
  };
  if (given.largest > taken.largest) {
    refuse(ErrorKind::config,
           fmt::format("its values reach {}, the model takes at most {}", given.largest,
                       taken.largest),
           "max_input");
  }
  if (given.least < taken.least) {
    refuse(ErrorKind::config,
           fmt::format("its values begin at {}, the model takes at least {}", given.least,
                       taken.least),
           "min_input");
  }
  if (given.shape != taken.shape) {
    refuse(ErrorKind::shape,
           fmt::format("it gives {} of {}, the model takes {}", events ? "event frames" : "images",
                       to_string(given.shape), to_string(taken.shape)),
           "input");
  }
  if (given.timesteps != taken.timesteps) {
    refuse(ErrorKind::config,
           fmt::format("it is {} {} time steps, the model has {}",
                       events ? "framed into" : "shown for", given.timesteps, taken.timesteps),
           "timesteps");
  }
  if (given.scale && *given.scale != *taken.scale) {
    refuse(
        ErrorKind::config,
        fmt::format("a value of 1 stands for {}, in the model for {}", *given.scale, *taken.scale),
        "input_scale");
  }
}

/// Every label is one of the classes.
void require_classes(const Scenario& scenario, const Dataset& dataset, const Model& model) {
  for (const LayerSpec& layer : model.network.layers()) {
    const auto* head = std::get_if<ClassifierHead>(&layer.op);
    if (head == nullptr) continue;
    for (std::uint64_t i = 0; i < dataset.size(); ++i) {
      if (dataset.label(i) < head->classes) continue;
      throw Error(ErrorKind::config,
                  fmt::format("image {} has the label {}, the model has {} classes",
                              dataset.image_index(i), dataset.label(i), head->classes),
                  scenario.dataset_location);
    }
  }
}

/// What can be told without reading the weights is told first.
Model load_fitting_model(const Scenario& scenario, const Dataset* dataset) {
  if (weights_path(scenario.model).empty()) {
    throw Error(ErrorKind::config, "a run needs a checkpoint (model.checkpoint)",
                scenario.model_location);
  }
  (void)located_file(scenario.directory / weights_path(scenario.model), scenario.model_location);
  const auto* family = std::get_if<FamilySpec>(&scenario.model);
  if (family != nullptr) require_fit(scenario, dataset, input_of(*family));
  Model model = load_model(scenario.model, scenario.directory);
  if (family == nullptr) {
    require_fit(scenario, dataset, input_of(std::get<ModelFile>(scenario.model), model));
  }
  if (dataset != nullptr && has_classifier(model)) require_classes(scenario, *dataset, model);
  if (scenario.outputs.predictions && !has_classifier(model)) {
    throw Error(ErrorKind::config, "there are none without a classifier",
                {.file = scenario.file.string(), .key = "outputs.predictions"});
  }
  return model;
}

}  // namespace

Model load_fitting_model(const Scenario& scenario, const Dataset& dataset) {
  return load_fitting_model(scenario, &dataset);
}

Model load_fitting_model(const Scenario& scenario) { return load_fitting_model(scenario, nullptr); }

std::vector<GradedTensor> frames_of(const Dataset& dataset, unsigned threads) {
  std::vector<GradedTensor> frames(dataset.size());
  parallel_for(frames.size(), 1, threads,
               [&](std::size_t i, std::size_t) { frames[i] = dataset.frames(i); });
  return frames;
}

std::unique_ptr<const Dataset> open_samples(const DatasetSpec& spec, std::uint64_t seed,
                                            const Location& where) {
  try {
    return std::make_unique<const Dataset>(spec, seed);
  } catch (const Error& error) {
    constexpr std::string_view block = "dataset";
    Location location = error.location().file.empty() ? where : error.location();
    const std::string& key = error.location().key;
    if (key.starts_with(block)) location.key = where.key + key.substr(block.size());
    throw Error(error.kind(), error.message(), location);
  }
}

}  // namespace nj

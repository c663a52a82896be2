#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/yaml_text.hpp"
#include "neurojoule/models/family.hpp"

#include "family_draft.hpp"

namespace nj {
namespace {

template <class E>
std::vector<std::pair<std::string_view, E>> words(std::initializer_list<E> values) {
  std::vector<std::pair<std::string_view, E>> result;
  for (const E value : values) result.emplace_back(to_string(value), value);
  return result;
}

Family family_of(const YamlNode& node) {
  return node.one_of(words({Family::spikformer, Family::spikingformer,
                            Family::spike_driven_transformer, Family::qkformer}));
}
Form form_of(const YamlNode& node) {
  return node.one_of(words({Form::event, Form::cifar, Form::imagenet}));
}
Attention attention_of(const YamlNode& node) {
  return node.one_of(words({Attention::token, Attention::channel, Attention::self}));
}

/// What the block starts from: a preset, or the defaults of the form.
FamilySpec start(const YamlNode& node) {
  const Family family = family_of(node.at("family"));
  const auto form = node.find("form");
  FamilySpec spec;
  const auto name = node.find("preset");
  if (!name) {
    spec.parameters = default_parameters(family, form ? form_of(*form) : Form::event);
    return spec;
  }
  std::vector<std::pair<std::string_view, Preset>> known;
  for (Preset& preset : presets(family)) known.emplace_back(preset.name, std::move(preset));
  const Preset preset = name->one_of(known);
  if (form && form_of(*form) != preset.parameters.form) {
    throw form->error(fmt::format("the preset '{}' is of form {}", preset.name,
                                  to_string(preset.parameters.form)));
  }
  spec.parameters = preset.parameters;
  spec.timesteps = preset.timesteps;
  return spec;
}

/// Sets a whole number of any width; its range is checked by find_fault.
template <class T>
void read(const YamlNode& node, std::string_view key, T& value) {
  if (const auto found = node.find(key)) {
    value = static_cast<T>(
        found->integer(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
  }
}
void read(const YamlNode& node, std::string_view key, double& value) {
  if (const auto found = node.find(key)) value = found->real(-1e9, 1e9);
}
void read(const YamlNode& node, std::string_view key, bool& value) {
  if (const auto found = node.find(key)) value = found->boolean();
}

void read_input(const YamlNode& node, FamilyParameters& p) {
  if (const auto found = node.find("input")) {
    const auto extents = found->elements();
    if (extents.size() != 3) throw found->error("expected [channels, height, width]");
    p.input = {static_cast<std::uint32_t>(extents[0].integer(1, 64)),
               static_cast<std::uint32_t>(extents[1].integer(1, 1024)),
               static_cast<std::uint32_t>(extents[2].integer(1, 1024))};
  }
  read(node, "min_input", p.min_input);
  read(node, "max_input", p.max_input);
  read(node, "input_scale", p.input_scale);
}

void read_pool(const YamlNode& node, FamilyParameters& p) {
  const auto found = node.find("pool");
  if (!found) return;
  const auto stages = found->elements();
  if (stages.size() != 4) throw found->error("expected four booleans, one per stem stage");
  for (std::size_t i = 0; i < 4; ++i) p.pool[i] = stages[i].boolean();
}

/// `depths` and `attention` of QKFormer; a new number of stages has token attention in all but the
/// last.
void read_stages(const YamlNode& node, FamilyParameters& p) {
  if (const auto found = node.find("depths")) {
    p.depths.clear();
    for (const YamlNode& depth : found->elements()) {
      p.depths.push_back(static_cast<std::uint32_t>(depth.integer(0, 64)));
    }
    if (p.depths.size() != p.attention.size()) {
      p.attention.assign(p.depths.size(), Attention::token);
      if (!p.attention.empty()) p.attention.back() = Attention::self;
    }
  }
  if (const auto found = node.find("attention")) {
    p.attention.clear();
    for (const YamlNode& kind : found->elements()) p.attention.push_back(attention_of(kind));
  }
}

std::string list_of(const std::vector<Attention>& kinds) {
  std::vector<std::string_view> names;
  for (const Attention kind : kinds) names.push_back(to_string(kind));
  return fmt::format("[{}]", fmt::join(names, ", "));
}

}  // namespace

FamilySpec read_family(const YamlNode& node) {
  FamilySpec spec = start(node);
  FamilyParameters& p = spec.parameters;
  if (const auto checkpoint = node.find("checkpoint")) spec.checkpoint = checkpoint->text();
  if (const auto classifier = node.find("classifier")) {
    spec.has_classifier = classifier->one_of<bool>({{"checkpoint", true}, {"absent", false}});
  }
  if (const auto steps = node.find("timesteps")) {
    spec.timesteps = static_cast<std::uint32_t>(steps->integer(1, 1024));
  }
  read_input(node, p);
  read(node, "embed_dims", p.embed_dims);
  if (p.family == Family::qkformer) {
    read_stages(node, p);
  } else {
    read(node, "depth", p.depths[0]);
    read_pool(node, p);
  }
  if (p.family == Family::spike_driven_transformer) {
    read(node, "dvs_mode", p.dvs_mode);
  } else {
    read(node, "attention_scale", p.attention_scale);
  }
  read(node, "heads", p.heads);
  read(node, "mlp_ratio", p.mlp_ratio);
  read(node, "classes", p.classes);
  read(node, "attention_threshold", p.attention_threshold);
  read(node, "tau", p.tau);
  read(node, "v_threshold", p.v_threshold);
  if (const auto fault = find_fault(p)) {
    if (const auto culprit = node.find(fault->key)) throw culprit->error(fault->message);
    throw node.error(fmt::format("{}: {}", fault->key, fault->message));
  }
  return spec;
}

std::string to_yaml(const FamilySpec& spec, std::size_t indent) {
  const FamilyParameters& p = spec.parameters;
  std::string text;
  const auto line = [&](std::string_view key, const auto& value) {
    text += fmt::format("{:{}}{}: {}\n", "", indent, key, value);
  };
  line("family", to_string(p.family));
  line("form", to_string(p.form));
  if (!spec.checkpoint.empty()) line("checkpoint", yaml_quoted(spec.checkpoint));
  line("classifier", spec.has_classifier ? "checkpoint" : "absent");
  line("timesteps", spec.timesteps);
  line("input", fmt::format("[{}, {}, {}]", p.input.channels, p.input.height, p.input.width));
  line("min_input", p.min_input);
  line("max_input", p.max_input);
  line("input_scale", p.input_scale);
  line("embed_dims", p.embed_dims);
  if (p.family == Family::qkformer) {
    line("depths", fmt::format("[{}]", fmt::join(p.depths, ", ")));
    line("attention", list_of(p.attention));
  } else {
    line("depth", p.depths[0]);
    line("pool", fmt::format("[{}]", fmt::join(p.pool, ", ")));
  }
  if (p.family == Family::spike_driven_transformer) {
    line("dvs_mode", p.dvs_mode);
  } else {
    line("attention_scale", p.attention_scale);
  }
  line("heads", p.heads);
  line("mlp_ratio", p.mlp_ratio);
  line("classes", p.classes);
  line("attention_threshold", p.attention_threshold);
  line("tau", p.tau);
  line("v_threshold", p.v_threshold);
  return text;
}

}  // namespace nj

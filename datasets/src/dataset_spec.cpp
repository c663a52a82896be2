#include <limits>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/yaml_text.hpp"
#include "neurojoule/datasets/dataset.hpp"

namespace nj {
namespace {

using Words = std::string_view;

const std::vector<std::pair<Words, DatasetSource>> source_words = {
    {"fashion-mnist", DatasetSource::fashion_mnist},
    {"cifar10", DatasetSource::cifar10},
    {"hdf5", DatasetSource::hdf5},
    {"frames", DatasetSource::frames}};
const std::vector<std::pair<Words, Encoder>> encoder_words = {{"direct", Encoder::direct},
                                                              {"rate", Encoder::rate}};
const std::vector<std::pair<Words, Split>> split_words = {{"train", Split::train},
                                                          {"test", Split::test}};
const std::vector<std::pair<Words, FrameBins>> bin_words = {{"time", FrameBins::time},
                                                            {"count", FrameBins::count}};
const std::vector<std::pair<Words, FrameValues>> value_words = {{"count", FrameValues::count},
                                                                {"binary", FrameValues::binary}};

template <class E>
std::string_view word_of(const std::vector<std::pair<Words, E>>& words, E value) {
  for (const auto& [word, meaning] : words) {
    if (meaning == value) return word;
  }
  return {};
}

std::int64_t microseconds(const YamlNode& node) {
  constexpr std::int64_t ps_per_us = 1'000'000;
  const std::int64_t ps = node.quantity<Picoseconds>().value();
  if (ps % ps_per_us != 0) throw node.error("expected a whole number of microseconds");
  return ps / ps_per_us;
}

void read_integer(const YamlNode& node, std::string_view key, std::uint32_t& value,
                  std::int64_t low, std::int64_t high) {
  if (const auto found = node.find(key)) {
    value = static_cast<std::uint32_t>(found->integer(low, high));
  }
}

void read_real(const YamlNode& node, std::string_view key, double& value, double low, double high) {
  if (const auto found = node.find(key)) value = found->real(low, high);
}

void read_time(const YamlNode& node, std::string_view key, std::int64_t& value) {
  if (const auto found = node.find(key)) value = microseconds(*found);
}

std::vector<Waypoint> read_path(const YamlNode& node) {
  std::vector<Waypoint> path;
  for (const YamlNode& point : node.elements()) {
    const std::vector<YamlNode> xy = point.elements();
    if (xy.size() != 2) throw point.error("expected a waypoint [x, y]");
    path.push_back({static_cast<std::uint32_t>(xy[0].integer(0, 4096)),
                    static_cast<std::uint32_t>(xy[1].integer(0, 4096))});
  }
  return path;
}

DvsCamera read_camera(const YamlNode& node) {
  DvsCamera camera;
  read_integer(node, "width", camera.width, 1, 4096);
  read_integer(node, "height", camera.height, 1, 4096);
  if (const auto path = node.find("path")) camera.path = read_path(*path);
  read_time(node, "saccade", camera.saccade_us);
  read_time(node, "step", camera.step_us);
  read_real(node, "background", camera.background, 0.001, 1.0);
  read_real(node, "threshold", camera.threshold, 0.01, 10.0);
  read_real(node, "threshold_sigma", camera.threshold_sigma, 0.0, 10.0);
  read_time(node, "refractory", camera.refractory_us);
  read_time(node, "jitter", camera.jitter_us);
  read_real(node, "noise_hz", camera.noise_hz, 0.0, 100.0);
  read_integer(node, "image_width", camera.image_width, 1, 4096);
  read_integer(node, "image_height", camera.image_height, 1, 4096);
  try {
    validate(camera);
  } catch (const Error& error) {
    const auto at = node.find(error.location().key);
    throw(at ? *at : node).error(error.message(), error.kind());
  }
  return camera;
}

Framing read_framing(const YamlNode& node) {
  Framing framing;
  read_integer(node, "timesteps", framing.timesteps, 1, 1024);
  if (const auto by = node.find("by")) framing.by = by->one_of(bin_words);
  if (const auto values = node.find("values")) framing.values = values->one_of(value_words);
  read_integer(node, "max_value", framing.max_value, 1, 255);
  return framing;
}

/// One number for all channels, or a list of one for each.
std::vector<double> read_reals(const YamlNode& node, double low, double high) {
  if (!node.is_sequence()) return {node.real(low, high)};
  std::vector<double> values;
  for (const YamlNode& value : node.elements()) values.push_back(value.real(low, high));
  if (values.empty()) throw node.error("expected a number, or one for each channel");
  return values;
}

ImageEncoding read_encoding(const YamlNode& node) {
  ImageEncoding encoding;
  encoding.encoder = node.at("kind").one_of(encoder_words);
  read_integer(node, "timesteps", encoding.timesteps, 1, 1024);
  if (encoding.encoder == Encoder::rate) {
    for (const char* key : {"mean", "std", "scale"}) {
      if (const auto found = node.find(key)) throw found->error("belongs to direct encoding");
    }
    return encoding;
  }
  if (const auto mean = node.find("mean")) encoding.mean = read_reals(*mean, -1000.0, 1000.0);
  if (const auto std = node.find("std")) encoding.deviation = read_reals(*std, 1e-6, 1e6);
  read_real(node, "scale", encoding.scale, 1e-9, 1e9);
  return encoding;
}

/// Frames are seen and framed already.
void refuse_what_is_framed(const YamlNode& node) {
  for (const char* key : {"encoding", "camera"}) {
    if (const auto found = node.find(key)) throw found->error("does not go with frames");
  }
  const auto framing = node.find("framing");
  if (!framing) return;
  for (const char* key : {"by", "values"}) {
    if (const auto found = framing->find(key)) throw found->error("does not go with frames");
  }
}

/// What the source of the images leaves open, and what not.
void read_by_source(const YamlNode& node, DatasetSpec& spec) {
  const auto path = node.find("path");
  const auto split = node.find("split");
  const auto encoding = node.find("encoding");
  if (path) spec.path = path->text();
  if (split) spec.split = split->one_of(split_words);
  if (encoding) spec.encoding = read_encoding(*encoding);
  if (spec.source != DatasetSource::fashion_mnist && !path) {
    throw node.error("this source needs a path");
  }
  if (split && !has_splits(spec.source)) throw split->error("an HDF5 file has no splits");
  if (spec.source == DatasetSource::frames) refuse_what_is_framed(node);
  if (!encoding) return;
  for (const char* key : {"camera", "framing"}) {
    if (const auto found = node.find(key)) throw found->error("does not go with an encoding");
  }
}

void write_camera(const DvsCamera& camera, std::string& out, const std::string& margin) {
  const auto line = [&](std::string_view key, const auto& value) {
    out += fmt::format("{}{}: {}\n", margin, key, value);
  };
  out += margin + "camera:\n";
  line("  width", camera.width);
  line("  height", camera.height);
  std::string path;
  for (const Waypoint& point : camera.path) {
    path += fmt::format("{}[{}, {}]", path.empty() ? "" : ", ", point.x, point.y);
  }
  line("  path", "[" + path + "]");
  line("  saccade", fmt::format("{} us", camera.saccade_us));
  line("  step", fmt::format("{} us", camera.step_us));
  line("  background", camera.background);
  line("  threshold", camera.threshold);
  line("  threshold_sigma", camera.threshold_sigma);
  line("  refractory", fmt::format("{} us", camera.refractory_us));
  line("  jitter", fmt::format("{} us", camera.jitter_us));
  line("  noise_hz", camera.noise_hz);
  if (camera.image_width > 0) line("  image_width", camera.image_width);
  if (camera.image_height > 0) line("  image_height", camera.image_height);
}

}  // namespace

bool has_splits(DatasetSource source) {
  return source != DatasetSource::hdf5 && source != DatasetSource::frames;
}

DatasetSpec read_dataset_spec(const YamlNode& node) {
  constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
  DatasetSpec spec;
  if (const auto source = node.find("source")) spec.source = source->one_of(source_words);
  read_by_source(node, spec);
  if (const auto first = node.find("first")) {
    spec.first = static_cast<std::uint64_t>(first->integer(0, most));
  }
  if (const auto samples = node.find("samples"); samples && samples->text() != "all") {
    spec.samples = static_cast<std::uint64_t>(samples->integer(1, most));
  }
  if (const auto camera = node.find("camera")) spec.camera = read_camera(*camera);
  if (const auto framing = node.find("framing")) spec.framing = read_framing(*framing);
  return spec;
}

std::string to_yaml(const DatasetSpec& spec, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  std::string out;
  const auto line = [&](std::string_view key, const auto& value) {
    out += fmt::format("{}{}: {}\n", margin, key, value);
  };
  line("source", word_of(source_words, spec.source));
  line("path", yaml_quoted(spec.path.string()));
  if (has_splits(spec.source)) line("split", word_of(split_words, spec.split));
  line("first", spec.first);
  line("samples", spec.samples ? fmt::format("{}", *spec.samples) : "all");
  if (spec.encoding) {
    const ImageEncoding& encoding = *spec.encoding;
    out += margin + "encoding:\n";
    line("  kind", word_of(encoder_words, encoding.encoder));
    line("  timesteps", encoding.timesteps);
    if (encoding.encoder == Encoder::rate) return out;
    line("  mean", fmt::format("[{}]", fmt::join(encoding.mean, ", ")));
    line("  std", fmt::format("[{}]", fmt::join(encoding.deviation, ", ")));
    line("  scale", encoding.scale);
    return out;
  }
  if (spec.source != DatasetSource::frames) write_camera(spec.camera, out, margin);
  out += margin + "framing:\n";
  line("  timesteps", spec.framing.timesteps);
  if (spec.source != DatasetSource::frames) {
    line("  by", word_of(bin_words, spec.framing.by));
    line("  values", word_of(value_words, spec.framing.values));
  }
  line("  max_value", spec.framing.max_value);
  return out;
}

}  // namespace nj

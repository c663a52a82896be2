#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/core/yaml.hpp"
#include "neurojoule/models/model_file.hpp"
#include "neurojoule/models/safetensors.hpp"

#include "layer_text.hpp"
#include "model_file_layout.hpp"
#include "pickle.hpp"

namespace nj {
namespace {

constexpr std::uint64_t deflate_ratio = 1032;  ///< the most that zlib compresses

/// ", did you mean 'x'?" or nothing.
std::string hint(const std::string& word, const std::vector<std::string>& candidates) {
  const auto nearest = did_you_mean(word, candidates);
  return nearest ? fmt::format(", did you mean '{}'?", *nearest) : "";
}

/// The attributes of one object; each must be asked for. A source of layer_text.hpp.
class Attributes {
 public:
  Attributes(const Hdf5Reader& reader, std::string file, std::string path)
      : reader_(reader), file_(std::move(file)), path_(std::move(path)) {
    const auto names = reader_.attribute_names(path_);
    left_.insert(names.begin(), names.end());
  }

  std::string text(std::string_view name) {
    if (!take(name)) missing(name);
    return reader_.attribute_text(path_, std::string(name));
  }

  std::vector<std::int64_t> integers(const fields::Field& field, std::size_t least,
                                     std::size_t most) {
    if (!take(field)) return {};
    const std::string name(field.name);
    auto values = reader_.attribute_integers(path_, name, most);
    if (values.size() < least) {
      fail(ErrorKind::shape, name, fmt::format("expected {} numbers, got {}", most, values.size()));
    }
    for (const std::int64_t value : values) check_range(field, static_cast<double>(value));
    return values;
  }

  std::optional<double> real(const fields::Field& field) {
    if (!take(field)) return std::nullopt;
    const std::string name(field.name);
    const Hdf5Class element = reader_.attribute_type(path_, name).element;
    if (field.none && element == Hdf5Class::text) {
      const std::string word = reader_.attribute_text(path_, name);
      if (word == "none") return std::numeric_limits<double>::infinity();
      fail(ErrorKind::config, name, fmt::format("expected a number or none, got '{}'", word));
    }
    const double value = element == Hdf5Class::integer
                             ? static_cast<double>(reader_.attribute_integer(path_, name))
                             : reader_.attribute_real(path_, name);
    check_range(field, value);
    return value;
  }

  std::optional<std::size_t> word(const fields::Field& field,
                                  const std::vector<std::string_view>& words) {
    if (!take(field)) return std::nullopt;
    const std::string name(field.name);
    const std::string given = reader_.attribute_text(path_, name);
    const auto found = std::find(words.begin(), words.end(), given);
    if (found == words.end()) {
      fail(ErrorKind::config, name,
           fmt::format("expected one of {}, got '{}'", fmt::join(words, ", "), given));
    }
    return static_cast<std::size_t>(found - words.begin());
  }

  /// Whether an attribute is there; it counts as asked for.
  bool take(std::string_view name) {
    asked_.emplace_back(name);
    return left_.erase(std::string(name)) == 1;
  }

  /// Throws at the first attribute that nobody asked for.
  void finish() const {
    if (left_.empty()) return;
    fail(ErrorKind::format, *left_.begin(), "unknown attribute" + hint(*left_.begin(), asked_));
  }

  [[noreturn]] void fail(ErrorKind kind, const std::string& name,
                         const std::string& message) const {
    throw Error(kind, message, {.file = file_, .key = path_ + "@" + name});
  }

 private:
  bool take(const fields::Field& field) {
    const bool there = take(field.name);
    if (!there && field.required) missing(field.name);
    return there;
  }
  [[noreturn]] void missing(std::string_view name) const {
    const std::string word(name);
    const auto nearest = did_you_mean(word, {left_.begin(), left_.end()});
    fail(ErrorKind::format, word,
         "missing attribute" + (nearest ? fmt::format(" ('{}' is there)", *nearest) : ""));
  }
  void check_range(const fields::Field& field, double value) const {
    if (value >= field.min && value <= field.max) return;
    fail(ErrorKind::config, std::string(field.name),
         fmt::format("expected {}..{}{}, got {}", field.min, field.max,
                     field.none ? " or none" : "", value));
  }

  const Hdf5Reader& reader_;
  std::string file_;
  std::string path_;
  std::set<std::string> left_;
  std::vector<std::string> asked_;
};

class ModelReader {
 public:
  explicit ModelReader(const std::filesystem::path& file) : name_(file.string()), reader_(file) {
    std::error_code code;
    const std::uintmax_t bytes = std::filesystem::file_size(file, code);
    if (code) fail(ErrorKind::io, "", code.message());
    values_left_ = std::min(max_model_weights, bytes / sizeof(std::int16_t) * deflate_ratio);
  }

  Model read() {
    Model model;
    model.timesteps = read_header();
    read_units();
    model.network = read_network();
    model.weights.resize(model.network.size());
    // The network may be in another order than the file.
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const LayerId id = *model.network.find(names_[i]);
      model.weights[id.index] = read_weights(model.network.layer(id).op, model_file::layer_path(i));
    }
    check_integers(model);
    return model;
  }

 private:
  [[noreturn]] void fail(ErrorKind kind, const std::string& path,
                         const std::string& message) const {
    throw Error(kind, message, {.file = name_, .key = path});
  }

  /// Members of a group, which must be among the expected ones. Throws at an unknown one.
  void require_members(const std::string& group, const std::vector<std::string>& expected) const {
    for (const std::string& member : reader_.members(group)) {
      if (std::find(expected.begin(), expected.end(), member) == expected.end()) {
        fail(ErrorKind::format, (group == "/" ? "" : group) + "/" + member,
             "unknown member" + hint(member, expected));
      }
    }
    for (const std::string& member : expected) {
      const std::string path = (group == "/" ? "" : group) + "/" + member;
      if (!reader_.has(path)) fail(ErrorKind::format, path, "missing");
    }
  }

  std::uint32_t read_header() {
    Attributes root(reader_, name_, "/");
    if (!root.take("format")) fail(ErrorKind::format, "/@format", "missing: no neurojoule model");
    if (const std::string format = reader_.attribute_text("/", "format");
        format != model_file::format) {
      root.fail(ErrorKind::format, "format",
                fmt::format("expected '{}', got '{}'", model_file::format, format));
    }
    const auto version =
        root.integers({"version", true, 0.0, std::numeric_limits<std::int32_t>::max()}, 1, 1);
    if (version[0] != model_file_version && version[0] != quantized_model_file_version) {
      root.fail(ErrorKind::unsupported, "version",
                fmt::format("expected {} or {}, got {}", model_file_version,
                            quantized_model_file_version, version[0]));
    }
    may_be_quantized_ = version[0] == quantized_model_file_version;
    const auto timesteps = root.integers({"timesteps", true, 1.0, 1024.0}, 1, 1);
    root.finish();
    return static_cast<std::uint32_t>(timesteps[0]);
  }

  void read_units() const {
    require_members("/", {"layers", "units"});
    Attributes attributes(reader_, name_, "/units");
    require_members("/units", {});
    for (const auto& [name, unit] : model_file::units()) {
      const std::string given = attributes.text(name);
      if (given != unit) {
        attributes.fail(ErrorKind::unsupported, name,
                        fmt::format("expected the unit '{}', got '{}'", unit, given));
      }
    }
    attributes.finish();
  }

  Network read_network() {
    const std::vector<std::string> members = reader_.members("/layers");
    Attributes(reader_, name_, "/layers").finish();
    if (members.size() > max_model_layers) {
      fail(ErrorKind::capacity, "/layers",
           fmt::format("has more than {} layers", max_model_layers));
    }
    std::vector<Network::Draft> drafts;
    for (std::size_t i = 0; i < members.size(); ++i) {
      const std::string path = model_file::layer_path(i);
      if (!reader_.has(path)) {
        fail(ErrorKind::format, path,
             fmt::format("missing: {} layers are numbered from 00000 on", members.size()));
      }
      drafts.push_back(read_layer(path));
      names_.push_back(drafts.back().name);
    }
    try {
      return Network::build(std::move(drafts));
    } catch (const Error& error) {
      fail_in_network(error);
    }
  }

  Network::Draft read_layer(const std::string& path) const {
    Attributes attributes(reader_, name_, path);
    Network::Draft draft = fields::read_layer(attributes);
    if (has_weights(draft.op) && is_quantized(path)) (void)attributes.take("format");
    attributes.finish();
    try {
      fields::check_name(draft.name);
    } catch (const Error& error) {
      attributes.fail(error.kind(), "name", error.message());
    }
    return draft;
  }

  /// Says where a layer that the network refuses stands.
  [[noreturn]] void fail_in_network(const Error& error) const {
    const std::string& layer = error.location().key;
    const auto found = std::find(names_.rbegin(), names_.rend(), layer);
    if (found == names_.rend()) fail(error.kind(), "/layers", error.message());
    const auto index = static_cast<std::size_t>(names_.rend() - found) - 1;
    fail(error.kind(), model_file::layer_path(index),
         fmt::format("layer '{}': {}", layer, error.message()));
  }

  std::optional<LayerWeights> read_weights(const Operator& op, const std::string& path) {
    const auto shape = weight_shape(op);
    if (!shape) {
      require_members(path, {});
      return std::nullopt;
    }
    if (is_quantized(path)) return read_quantized(*shape, path);
    require_members(path, {"bias", "weight"});
    return LayerWeights{read_tensor<float>(path + "/weight", model_file::weight_extents(*shape)),
                        read_tensor<float>(path + "/bias", {shape->out})};
  }

  [[nodiscard]] bool is_quantized(const std::string& path) const {
    return may_be_quantized_ && reader_.has(path + "/integers");
  }

  LayerWeights read_quantized(const WeightShape& shape, const std::string& path) {
    require_members(path, {"bias", "integers", "scales"});
    Attributes attributes(reader_, name_, path);
    QuantizedTensor tensor;
    try {
      tensor.format = parse_number_format(attributes.text("format"));
    } catch (const Error& error) {
      if (!error.location().file.empty()) throw;
      attributes.fail(error.kind(), "format", error.message());
    }
    if (tensor.format.scheme == Scheme::float32) {
      attributes.fail(ErrorKind::config, "format", "float32 has no integers");
    }
    const bool one = tensor.format.granularity == Granularity::per_tensor;
    tensor.integers =
        read_tensor<std::int16_t>(path + "/integers", model_file::weight_extents(shape));
    tensor.scales = read_tensor<double>(path + "/scales", {one ? 1 : shape.out});
    std::vector<float> bias = read_tensor<float>(path + "/bias", {shape.out});
    std::vector<float> weight = represented_weights(tensor, shape.out);
    return {std::move(weight), std::move(bias), std::move(tensor)};
  }

  /// Integers that their format does not have are refused where they stand.
  void check_integers(const Model& model) const {
    try {
      validate(model);
    } catch (const Error& error) {
      fail_in_network(error);
    }
  }

  template <class T>
  std::vector<T> read_tensor(const std::string& path, const std::vector<std::uint64_t>& expected) {
    const std::vector<std::uint64_t> shape = reader_.shape(path);
    if (shape != expected) {
      fail(ErrorKind::shape, path,
           fmt::format("expected shape {}, found {}", to_string(expected), to_string(shape)));
    }
    Attributes(reader_, name_, path).finish();
    std::vector<T> values = reader_.read<T>(path, values_left_);
    values_left_ -= values.size();
    const auto bad = std::find_if_not(values.begin(), values.end(), [](T value) {
      return std::isfinite(static_cast<double>(value));
    });
    if (bad != values.end()) {
      fail(ErrorKind::numeric, path, fmt::format("element {} is {}", bad - values.begin(), *bad));
    }
    return values;
  }

  std::string name_;
  Hdf5Reader reader_;
  std::uint64_t values_left_ = 0;  ///< weights that may still be read
  bool may_be_quantized_ = false;
  std::vector<std::string> names_;  ///< of layers, in file order
};

void refuse_pickle(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string start(16, '\0');
  stream.read(start.data(), static_cast<std::streamsize>(start.size()));
  if (!starts_as_pickle(start)) return;
  throw Error(ErrorKind::format, std::string(pickle_refusal), {.file = file.string()});
}

}  // namespace

bool is_model_file(const std::filesystem::path& file) {
  const Hdf5Reader reader(file);
  return reader.has_attribute("/", "format") &&
         reader.attribute_type("/", "format").element == Hdf5Class::text &&
         reader.attribute_text("/", "format") == model_file::format;
}

Model read_model_file(const std::filesystem::path& file) {
  refuse_pickle(file);
  return ModelReader(file).read();
}

}  // namespace nj

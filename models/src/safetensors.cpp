#include "neurojoule/models/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"

#include "pickle.hpp"

namespace nj {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

using Json = nlohmann::json;
constexpr std::uint64_t length_bytes = 8;

enum class Dtype { f32, f16, bf16, f64, i64 };

/// Where a tensor lies in the data section.
struct Entry {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Makes errors that know their file.
struct Blame {
  std::string file;
  [[nodiscard]] Error operator()(ErrorKind kind, std::uint64_t byte, const std::string& tensor,
                                 const std::string& message) const {
    Location location;
    location.file = file;
    location.byte_offset = byte;
    location.key = tensor;
    return {kind, message, location};
  }
};

std::uint64_t width_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f16:
    case Dtype::bf16:
      return 2;
    case Dtype::f32:
      return 4;
    case Dtype::f64:
    case Dtype::i64:
      return 8;
  }
  return 0;
}

/// Product of a shape times the bytes of an element; nullopt when it does not fit 63 bits.
std::optional<std::uint64_t> byte_length(const std::vector<std::uint64_t>& shape, Dtype dtype) {
  std::uint64_t bytes = width_of(dtype);
  if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) return 0;
  for (const std::uint64_t extent : shape) {
    if (bytes > (std::uint64_t{1} << 62) / extent) return std::nullopt;
    bytes *= extent;
  }
  return bytes;
}

std::uint64_t header_length(std::string_view content, const Blame& blame) {
  if (content.size() < length_bytes) {
    throw blame(ErrorKind::format, content.size(), "",
                fmt::format("expected an 8-byte header length, got {} bytes", content.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, content.data(), length_bytes);
  if (length > max_safetensors_header_bytes) {
    throw blame(ErrorKind::capacity, 0, "",
                fmt::format("header of {} bytes is over the limit of {}", length,
                            max_safetensors_header_bytes));
  }
  if (length > content.size() - length_bytes) {
    throw blame(ErrorKind::format, 0, "",
                fmt::format("header of {} bytes does not fit the file, which has {} more", length,
                            content.size() - length_bytes));
  }
  return length;
}

/// Parses the header, refusing duplicate names and deep nesting as they are met.
Json parse_header(std::string_view header, const Blame& blame) {
  std::vector<std::set<std::string>> names;
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) {
      if (depth >= 3) throw blame(ErrorKind::format, length_bytes, "", "header is nested too deep");
      if (event == Json::parse_event_t::object_start) names.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      names.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto& name = value.get_ref<const std::string&>();
      if (!names.back().insert(name).second) {
        throw blame(ErrorKind::format, length_bytes, name, "duplicate name in the header");
      }
    }
    return true;
  };
  try {
    return Json::parse(header.begin(), header.end(), check);
  } catch (const Json::parse_error& error) {
    const std::uint64_t at = error.byte > 0 ? error.byte - 1 : 0;
    throw blame(ErrorKind::format, length_bytes + at, "", "header is not JSON");
  } catch (const Json::exception&) {  // e.g. a number beyond double
    throw blame(ErrorKind::format, length_bytes, "", "header holds a value out of range");
  }
}

std::vector<std::uint64_t> unsigned_list(const Json& entry, const char* key,
                                         const std::string& name, const Blame& blame) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_array()) {
    throw blame(ErrorKind::format, length_bytes, name, fmt::format("{} must be a list", key));
  }
  std::vector<std::uint64_t> list;
  for (const Json& item : *found) {
    if (!item.is_number_unsigned()) {
      throw blame(ErrorKind::format, length_bytes, name,
                  fmt::format("{} must hold non-negative integers", key));
    }
    list.push_back(item.get<std::uint64_t>());
  }
  return list;
}

Dtype read_dtype(const std::string& name, const Json& json, const Blame& blame) {
  const auto dtype = json.find("dtype");
  if (dtype == json.end() || !dtype->is_string()) {
    throw blame(ErrorKind::format, length_bytes, name, "dtype must be a text");
  }
  const auto& word = dtype->get_ref<const std::string&>();
  static const std::map<std::string_view, Dtype> dtypes{{"F32", Dtype::f32},
                                                        {"F16", Dtype::f16},
                                                        {"BF16", Dtype::bf16},
                                                        {"F64", Dtype::f64},
                                                        {"I64", Dtype::i64}};
  const auto found = dtypes.find(word);
  if (found == dtypes.end()) {
    throw blame(ErrorKind::unsupported, length_bytes, name,
                fmt::format("expected dtype F32, F16, BF16, F64 or I64, got {}", word));
  }
  return found->second;
}

Entry read_entry(const std::string& name, const Json& json, const Blame& blame) {
  if (!json.is_object()) {
    throw blame(ErrorKind::format, length_bytes, name, "header entry must be an object");
  }
  for (const auto& item : json.items()) {
    if (item.key() != "dtype" && item.key() != "shape" && item.key() != "data_offsets") {
      throw blame(ErrorKind::format, length_bytes, name,
                  fmt::format("unknown header field '{}'", item.key()));
    }
  }
  const Dtype dtype = read_dtype(name, json, blame);
  Entry entry{name, dtype, unsigned_list(json, "shape", name, blame), 0, 0};
  const auto offsets = unsigned_list(json, "data_offsets", name, blame);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    throw blame(ErrorKind::format, length_bytes, name,
                fmt::format("data_offsets must be [begin, end], got {}", to_string(offsets)));
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  return entry;
}

std::map<std::string, std::string> read_metadata(const Json& json, const Blame& blame) {
  if (!json.is_object()) {
    throw blame(ErrorKind::format, length_bytes, "__metadata__", "must be a map of texts");
  }
  std::map<std::string, std::string> metadata;
  for (const auto& item : json.items()) {
    if (!item.value().is_string()) {
      throw blame(ErrorKind::format, length_bytes, "__metadata__", "must be a map of texts");
    }
    metadata[item.key()] = item.value().get<std::string>();
  }
  return metadata;
}

/// Sorts entries by place and checks that they tile [0, data_bytes) and match their shapes.
void check_layout(std::vector<Entry>& entries, std::uint64_t data_start, std::uint64_t data_bytes,
                  const Blame& blame) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t next = 0;
  for (const Entry& entry : entries) {
    if (entry.end > data_bytes) {
      throw blame(ErrorKind::format, data_start + data_bytes, entry.name,
                  fmt::format("data [{}, {}) reach past the end of the file, which has {} data "
                              "bytes",
                              entry.begin, entry.end, data_bytes));
    }
    if (entry.begin != next) {
      throw blame(
          ErrorKind::format, data_start + entry.begin, entry.name,
          fmt::format("data begin at {}, but the tensor before ends at {}", entry.begin, next));
    }
    const auto expected = byte_length(entry.shape, entry.dtype);
    if (!expected || *expected != entry.end - entry.begin) {
      throw blame(ErrorKind::format, data_start + entry.begin, entry.name,
                  fmt::format("shape {} does not match its {} bytes of data",
                              to_string(entry.shape), entry.end - entry.begin));
    }
    next = entry.end;
  }
  if (next != data_bytes) {
    throw blame(ErrorKind::format, data_start + next, "",
                fmt::format("{} bytes belong to no tensor", data_bytes - next));
  }
}

/// IEEE 754 half precision: 1 sign, 5 exponent and 10 fraction bits.
float half_to_float(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const int fraction = bits & 0x3FF;
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

/// The upper half of a float32.
float bfloat_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

template <class T>
T element(std::string_view content, std::uint64_t byte) {
  T value;
  std::memcpy(&value, content.data() + byte, sizeof value);
  return value;
}

float read_real(Dtype dtype, std::string_view content, std::uint64_t byte) {
  switch (dtype) {
    case Dtype::f16:
      return half_to_float(element<std::uint16_t>(content, byte));
    case Dtype::bf16:
      return bfloat_to_float(element<std::uint16_t>(content, byte));
    case Dtype::f64:
      return static_cast<float>(element<double>(content, byte));
    default:
      return element<float>(content, byte);
  }
}

Tensor copy_tensor(const Entry& entry, std::string_view content, std::uint64_t data_start,
                   const Blame& blame) {
  const std::uint64_t width = width_of(entry.dtype);
  Tensor tensor{entry.shape, {}, data_start + entry.begin};
  tensor.values.resize((entry.end - entry.begin) / width);
  for (std::size_t i = 0; i < tensor.values.size(); ++i) {
    const std::uint64_t byte = tensor.byte_offset + i * width;
    tensor.values[i] = read_real(entry.dtype, content, byte);
    if (!std::isfinite(tensor.values[i])) {
      const bool beyond =
          entry.dtype == Dtype::f64 && std::isfinite(element<double>(content, byte));
      throw blame(ErrorKind::numeric, byte, entry.name,
                  beyond ? fmt::format("element {} is beyond float32", i)
                         : fmt::format("element {} is {}", i, tensor.values[i]));
    }
  }
  return tensor;
}

IntegerTensor copy_integers(const Entry& entry, std::string_view content,
                            std::uint64_t data_start) {
  IntegerTensor tensor{entry.shape, {}, data_start + entry.begin};
  tensor.values.resize((entry.end - entry.begin) / width_of(entry.dtype));
  for (std::size_t i = 0; i < tensor.values.size(); ++i) {
    tensor.values[i] =
        element<std::int64_t>(content, tensor.byte_offset + i * width_of(entry.dtype));
  }
  return tensor;
}

}  // namespace

std::string to_string(const std::vector<std::uint64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

SafetensorsFile read_safetensors(const std::filesystem::path& file) {
  const std::string content = read_file(file, max_safetensors_bytes);
  const Blame blame{file.string()};
  if (starts_as_pickle(content)) {
    throw blame(ErrorKind::format, 0, "", std::string(pickle_refusal));
  }
  const std::uint64_t header_bytes = header_length(content, blame);
  const std::uint64_t data_start = length_bytes + header_bytes;
  const Json header =
      parse_header(std::string_view(content).substr(length_bytes, header_bytes), blame);
  if (!header.is_object()) {
    throw blame(ErrorKind::format, length_bytes, "", "header must be a JSON object");
  }
  SafetensorsFile result;
  result.file = file.string();
  std::vector<Entry> entries;
  for (const auto& item : header.items()) {
    if (item.key() == "__metadata__") {
      result.metadata = read_metadata(item.value(), blame);
    } else {
      entries.push_back(read_entry(item.key(), item.value(), blame));
    }
  }
  check_layout(entries, data_start, content.size() - data_start, blame);
  for (const Entry& entry : entries) {
    if (entry.dtype == Dtype::i64) {
      result.integers.emplace(entry.name, copy_integers(entry, content, data_start));
    } else {
      result.tensors.emplace(entry.name, copy_tensor(entry, content, data_start, blame));
    }
  }
  return result;
}

void write_safetensors(const std::filesystem::path& file,
                       const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const Blame blame{file.string()};
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const auto bytes = byte_length(tensor.shape, Dtype::f32);
    if (!bytes || *bytes != tensor.values.size() * sizeof(float)) {
      throw blame(ErrorKind::shape, data.size(), name,
                  fmt::format("shape {} does not match {} values", to_string(tensor.shape),
                              tensor.values.size()));
    }
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      if (!std::isfinite(tensor.values[i])) {
        throw blame(ErrorKind::numeric, data.size(), name,
                    fmt::format("element {} is {}", i, tensor.values[i]));
      }
    }
    header[name] = {{"dtype", "F32"},
                    {"shape", tensor.shape},
                    {"data_offsets", {data.size(), data.size() + *bytes}}};
    data.append(reinterpret_cast<const char*>(tensor.values.data()), *bytes);
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the data start 8-byte aligned
  const std::uint64_t length = text.size();
  std::string content(reinterpret_cast<const char*>(&length), length_bytes);
  write_file_atomically(file, content + text + data);
}

}  // namespace nj

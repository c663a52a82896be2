#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace nj {

/// One tensor of real numbers of a safetensors file, values in C order.
struct Tensor {
  std::vector<std::uint64_t> shape;
  std::vector<float> values;
  std::uint64_t byte_offset = 0;  ///< where its data begins in the file; 0 when made in memory
};

/// One tensor of integers, such as the `num_batches_tracked` of a BatchNorm.
struct IntegerTensor {
  std::vector<std::uint64_t> shape;
  std::vector<std::int64_t> values;
  std::uint64_t byte_offset = 0;
};

/// Renders a shape as `[16, 8, 3, 3]`.
std::string to_string(const std::vector<std::uint64_t>& shape);

/// A whole safetensors file. Source: https://github.com/huggingface/safetensors, format section.
struct SafetensorsFile {
  std::string file;                                 ///< path as given, for messages
  std::map<std::string, Tensor> tensors{};          ///< real ones, by name
  std::map<std::string, std::string> metadata{};    ///< the `__metadata__` entry
  std::map<std::string, IntegerTensor> integers{};  ///< by name
};

/// The largest header and the largest file that are read.
inline constexpr std::uint64_t max_safetensors_header_bytes = std::uint64_t{64} << 20;
inline constexpr std::uint64_t max_safetensors_bytes = std::uint64_t{4} << 30;

/// Reads a safetensors file strictly: data offsets must tile the data section without gap or
/// overlap, each as long as its shape says. F32, F16 and BF16 are taken exactly, F64 is rounded to
/// float32, I64 are the integers; every value must be finite (as float32).
///
/// Throws: Error with file, byte offset and tensor name: io (unreadable), format (header, JSON,
/// duplicate name, offsets), unsupported (another dtype), numeric (NaN, infinity or beyond float32,
/// with its element index), capacity (file over 4 GiB, header over 64 MiB).
SafetensorsFile read_safetensors(const std::filesystem::path& file);

/// Writes float32 tensors sorted by name, atomically; equal content gives equal bytes.
/// Throws: Error(io); Error(shape) when a tensor's values do not match its shape; Error(numeric)
/// when a value is not finite.
void write_safetensors(const std::filesystem::path& file,
                       const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace nj

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nj {

/// Element types that our HDF5 files hold.
template <class T>
concept Hdf5Element = std::same_as<T, std::uint8_t> || std::same_as<T, std::int16_t> ||
    std::same_as<T, std::uint16_t> || std::same_as<T, std::int32_t> ||
    std::same_as<T, std::uint32_t> || std::same_as<T, std::int64_t> ||
    std::same_as<T, std::uint64_t> || std::same_as<T, float> || std::same_as<T, double>;

/// What an object of an HDF5 file is.
enum class Hdf5Kind { group, dataset, other };

/// What the elements of a dataset are; a boolean is the enumeration that h5py makes of `bool`.
enum class Hdf5Class { integer, real, text, boolean, other };

struct Hdf5ElementType {
  Hdf5Class element = Hdf5Class::other;
  std::size_t bytes = 0;  ///< of one element; of a pointer when texts have variable length
};

/// Reads an HDF5 file; every size is checked against the caller's bound before memory is taken.
///
/// Only what the file itself holds is read: a soft or external link, and a dataset whose values lie
/// in another file or were never written, are errors.
/// All errors are Error with the file and the dataset as key: io (cannot open), format (not HDF5,
/// truncated, dataset missing, wrong rank or a type that does not convert without loss), capacity.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(const std::filesystem::path& file);
  ~Hdf5Reader();
  Hdf5Reader(Hdf5Reader&&) noexcept;
  Hdf5Reader& operator=(Hdf5Reader&&) noexcept;

  [[nodiscard]] bool has(const std::string& path) const;
  [[nodiscard]] Hdf5Kind kind(const std::string& path) const;
  /// Names of the members of a group, sorted. Throws: capacity when there are over 2^20.
  [[nodiscard]] std::vector<std::string> members(const std::string& group) const;
  /// Sizes by dimension; empty for a scalar.
  [[nodiscard]] std::vector<std::uint64_t> shape(const std::string& dataset) const;
  [[nodiscard]] Hdf5ElementType element_type(const std::string& dataset) const;
  /// The whole dataset in C order. Throws: capacity when it has more than `max_elements`.
  template <Hdf5Element T>
  [[nodiscard]] std::vector<T> read(const std::string& dataset, std::uint64_t max_elements) const;
  /// Rows [first, first + rows) of the leading dimension.
  template <Hdf5Element T>
  [[nodiscard]] std::vector<T> read_rows(const std::string& dataset, std::uint64_t first,
                                         std::uint64_t rows, std::uint64_t max_elements) const;
  /// A whole dataset of texts, of fixed or variable length, in C order.
  /// Throws: capacity when it has more than `max_elements`, or more than `max_bytes` in all.
  [[nodiscard]] std::vector<std::string> read_texts(const std::string& dataset,
                                                    std::uint64_t max_elements,
                                                    std::uint64_t max_bytes) const;
  /// The one text of a dataset.
  [[nodiscard]] std::string read_text(const std::string& dataset, std::uint64_t max_bytes) const;
  /// A whole dataset of booleans as 0 and 1.
  [[nodiscard]] std::vector<std::uint8_t> read_booleans(const std::string& dataset,
                                                        std::uint64_t max_elements) const;
  /// Names of the attributes of a group or dataset, sorted. Throws: capacity when there are over
  /// 2^20.
  [[nodiscard]] std::vector<std::string> attribute_names(const std::string& object) const;
  [[nodiscard]] Hdf5ElementType attribute_type(const std::string& object,
                                               const std::string& name) const;
  [[nodiscard]] std::string attribute_text(const std::string& object,
                                           const std::string& name) const;
  [[nodiscard]] std::int64_t attribute_integer(const std::string& object,
                                               const std::string& name) const;
  /// One integer or a list of them, in C order. Throws: capacity when there are over
  /// `max_elements`.
  [[nodiscard]] std::vector<std::int64_t> attribute_integers(const std::string& object,
                                                             const std::string& name,
                                                             std::uint64_t max_elements) const;
  [[nodiscard]] double attribute_real(const std::string& object, const std::string& name) const;
  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes an HDF5 file aside (`name.partial`) and renames it on `commit()`; without commit nothing
/// is left. Groups in a path are created; timestamps are off, so equal content gives equal bytes.
/// Throws: Error(io).
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::filesystem::path& file);
  ~Hdf5Writer();
  Hdf5Writer(Hdf5Writer&&) noexcept;
  Hdf5Writer& operator=(Hdf5Writer&&) noexcept;

  /// A whole dataset, chunked and deflate-compressed when it has over 1,024 elements.
  template <Hdf5Element T>
  void write(const std::string& dataset, std::span<const T> values,
             const std::vector<std::uint64_t>& shape);
  /// Texts of variable length in UTF-8, as h5py writes `str`. A text with a zero byte is an
  /// Error(format).
  void write_texts(const std::string& dataset, std::span<const std::string> texts,
                   const std::vector<std::uint64_t>& shape);
  /// One text, a scalar dataset.
  void write_text(const std::string& dataset, const std::string& text);
  /// Booleans, given as 0 and 1, as h5py writes `bool`.
  void write_booleans(const std::string& dataset, std::span<const std::uint8_t> values,
                      const std::vector<std::uint64_t>& shape);
  /// Makes a group unless it is there.
  void create_group(const std::string& path);
  /// A dataset that grows: creates [0, row_shape...] with compressed chunks of `rows_per_chunk`.
  template <Hdf5Element T>
  void create_rows(const std::string& dataset, const std::vector<std::uint64_t>& row_shape,
                   std::uint64_t rows_per_chunk);
  /// Appends whole rows.
  template <Hdf5Element T>
  void append_rows(const std::string& dataset, std::span<const T> values);
  void attribute(const std::string& object, const std::string& name, const std::string& text);
  void attribute(const std::string& object, const std::string& name, std::int64_t value);
  void attribute(const std::string& object, const std::string& name, double value);
  /// A list, an attribute of one dimension.
  void attribute(const std::string& object, const std::string& name,
                 std::span<const std::int64_t> values);
  /// Flushes, closes and renames into place.
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nj

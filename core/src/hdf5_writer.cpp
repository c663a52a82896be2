#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/hdf5_file.hpp"

#include "hdf5_handle.hpp"

namespace nj {
namespace {

constexpr std::uint64_t contiguous_limit = 1024;  ///< elements below which nothing is compressed
constexpr std::uint64_t chunk_elements = 1ULL << 18U;  ///< target size of a chunk
constexpr unsigned deflate_level = 4;

/// No times in an object's header, and up to 64 attributes in the header itself.
void set_header_properties(const Hdf5Handle& properties) {
  H5Pset_obj_track_times(properties.id(), false);
  H5Pset_attr_phase_change(properties.id(), 64, 32);
}

/// Chunks of whole leading rows near the target size.
std::vector<hsize_t> chunk_of(const std::vector<hsize_t>& shape) {
  std::vector<hsize_t> chunk = shape;
  hsize_t row = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) row *= shape[i];
  chunk[0] = std::clamp<hsize_t>(chunk_elements / std::max<hsize_t>(row, 1), 1, shape[0]);
  return chunk;
}

/// Why the operating system refused what libhdf5 tried last, as ": No space left on device"; empty
/// where it did not.
std::string reason() {
  std::string found;
  const auto look = [](unsigned, const H5E_error2_t* error, void* text) -> herr_t {
    constexpr std::string_view before = "error message = '";
    const std::string_view description = error->desc == nullptr ? "" : error->desc;
    const std::size_t begin = description.find(before);
    if (begin == std::string_view::npos) return 0;
    const std::string_view message = description.substr(begin + before.size());
    *static_cast<std::string*>(text) = fmt::format(": {}", message.substr(0, message.find('\'')));
    return 1;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, look, &found);
  return found;
}

}  // namespace

struct Hdf5Writer::Impl {
  struct Growing {
    Hdf5Handle dataset;
    std::vector<hsize_t> shape;
  };
  std::filesystem::path target;
  std::string aside;
  Hdf5Handle file;
  std::map<std::string, Growing> growing;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (!file.valid()) return;
    growing.clear();
    file.close();
    std::error_code code;
    std::filesystem::remove(aside, code);
  }

  /// Right after the call that failed.
  [[noreturn]] void fail(const std::string& message, const std::string& key) const {
    throw Error(ErrorKind::io, message + reason(), {.file = target.string(), .key = key});
  }

  [[nodiscard]] static Hdf5Handle dataset_properties(const std::vector<hsize_t>* chunk) {
    Hdf5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    set_header_properties(properties);
    if (chunk != nullptr) {
      H5Pset_chunk(properties.id(), static_cast<int>(chunk->size()), chunk->data());
      H5Pset_shuffle(properties.id());
      H5Pset_deflate(properties.id(), deflate_level);
    }
    return properties;
  }

  [[nodiscard]] Hdf5Handle create(const std::string& path, hid_t type, const Hdf5Handle& space,
                                  const Hdf5Handle& properties) const {
    create_group(parent_of(path));
    Hdf5Handle dataset(H5Dcreate2(file.id(), path.c_str(), type, space.id(), H5P_DEFAULT,
                                  properties.id(), H5P_DEFAULT),
                       H5Dclose);
    if (!dataset.valid()) fail("cannot create the dataset", path);
    return dataset;
  }

  static std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
  }

  /// Makes a group and those around it (libhdf5 would give them times) unless something of that
  /// name is there.
  void create_group(const std::string& path) const {
    if (path.empty() || path == "/") return;
    create_group(parent_of(path));
    if (H5Lexists(file.id(), path.c_str(), H5P_DEFAULT) > 0) return;
    const Hdf5Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    set_header_properties(properties);
    const Hdf5Handle group(
        H5Gcreate2(file.id(), path.c_str(), H5P_DEFAULT, properties.id(), H5P_DEFAULT), H5Gclose);
    if (!group.valid()) fail("cannot create the group", path);
  }

  /// Creates a dataset of any type and writes all of it.
  void write_whole(const std::string& path, hid_t type, hid_t memory_type, std::uint64_t elements,
                   const std::vector<std::uint64_t>& shape, const void* values) const {
    const std::vector<hsize_t> sizes(shape.begin(), shape.end());
    std::uint64_t expected = 1;
    for (const std::uint64_t size : shape) expected *= size;
    if (elements != expected) {
      throw Error(ErrorKind::shape, fmt::format("{} values for {} elements", elements, expected),
                  {.file = target.string(), .key = path});
    }
    const Hdf5Handle space(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
                           H5Sclose);
    // Texts stay in one piece: the reader checks their references in the file.
    const bool compress = elements > contiguous_limit && H5Tis_variable_str(type) <= 0;
    const std::vector<hsize_t> chunk = compress ? chunk_of(sizes) : std::vector<hsize_t>{};
    const Hdf5Handle properties = dataset_properties(compress ? &chunk : nullptr);
    const Hdf5Handle id = create(path, type, space, properties);
    if (elements != 0 &&
        H5Dwrite(id.id(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
      fail("cannot be written", path);
    }
  }

  void write_attribute(const std::string& object, const std::string& name, hid_t type,
                       hid_t memory_type, const void* value) const {
    const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    write_attribute(object, name, space, type, memory_type, value);
  }

  void write_attribute(const std::string& object, const std::string& name, const Hdf5Handle& space,
                       hid_t type, hid_t memory_type, const void* value) const {
    const std::string key = object + "@" + name;
    create_group(object);
    const Hdf5Handle attribute(H5Acreate_by_name(file.id(), object.c_str(), name.c_str(), type,
                                                 space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                               H5Aclose);
    if (!attribute.valid() || H5Awrite(attribute.id(), memory_type, value) < 0) {
      fail("cannot write the attribute", key);
    }
  }
};

Hdf5Writer::Hdf5Writer(const std::filesystem::path& file) : impl_(std::make_unique<Impl>()) {
  silence_hdf5();
  impl_->target = file;
  require_replaceable(file);
  impl_->aside = file.string() + ".partial";
  const Hdf5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  set_header_properties(creation);
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(access.id(), H5F_LIBVER_V18, H5F_LIBVER_V18);
  impl_->file = Hdf5Handle(
      H5Fcreate(impl_->aside.c_str(), H5F_ACC_TRUNC, creation.id(), access.id()), H5Fclose);
  if (!impl_->file.valid()) {
    std::error_code ignored;
    std::filesystem::remove(impl_->aside, ignored);
    impl_->fail("cannot be created", "");
  }
}
Hdf5Writer::~Hdf5Writer() = default;
Hdf5Writer::Hdf5Writer(Hdf5Writer&&) noexcept = default;
Hdf5Writer& Hdf5Writer::operator=(Hdf5Writer&&) noexcept = default;

template <Hdf5Element T>
void Hdf5Writer::write(const std::string& dataset, std::span<const T> values,
                       const std::vector<std::uint64_t>& shape) {
  impl_->write_whole(dataset, file_type<T>(), native_type<T>(), values.size(), shape,
                     values.data());
}

void Hdf5Writer::write_texts(const std::string& dataset, std::span<const std::string> texts,
                             const std::vector<std::uint64_t>& shape) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) {
    if (text.find('\0') != std::string::npos) {
      throw Error(ErrorKind::format, "a text holds a zero byte",
                  {.file = impl_->target.string(), .key = dataset});
    }
    pointers.push_back(text.c_str());
  }
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), H5T_VARIABLE);
  H5Tset_cset(type.id(), H5T_CSET_UTF8);
  impl_->write_whole(dataset, type.id(), type.id(), texts.size(), shape, pointers.data());
}

void Hdf5Writer::write_text(const std::string& dataset, const std::string& text) {
  write_texts(dataset, std::span(&text, 1), {});
}

void Hdf5Writer::write_booleans(const std::string& dataset, std::span<const std::uint8_t> values,
                                const std::vector<std::uint64_t>& shape) {
  const Hdf5Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
  for (const auto& [name, value] : {std::pair{"FALSE", 0}, std::pair{"TRUE", 1}}) {
    const auto stored = static_cast<std::int8_t>(value);
    H5Tenum_insert(type.id(), name, &stored);
  }
  impl_->write_whole(dataset, type.id(), type.id(), values.size(), shape, values.data());
}

void Hdf5Writer::create_group(const std::string& path) { impl_->create_group(path); }

template <Hdf5Element T>
void Hdf5Writer::create_rows(const std::string& dataset,
                             const std::vector<std::uint64_t>& row_shape,
                             std::uint64_t rows_per_chunk) {
  std::vector<hsize_t> shape = {0};
  shape.insert(shape.end(), row_shape.begin(), row_shape.end());
  std::vector<hsize_t> limit = shape;
  limit[0] = H5S_UNLIMITED;
  std::vector<hsize_t> chunk = shape;
  chunk[0] = std::max<std::uint64_t>(rows_per_chunk, 1);
  const Hdf5Handle space(
      H5Screate_simple(static_cast<int>(shape.size()), shape.data(), limit.data()), H5Sclose);
  const Hdf5Handle properties = Impl::dataset_properties(&chunk);
  Hdf5Handle id = impl_->create(dataset, file_type<T>(), space, properties);
  impl_->growing.insert_or_assign(dataset, Impl::Growing{std::move(id), std::move(shape)});
}

template <Hdf5Element T>
void Hdf5Writer::append_rows(const std::string& dataset, std::span<const T> values) {
  const auto entry = impl_->growing.find(dataset);
  if (entry == impl_->growing.end()) impl_->fail("was not created for rows", dataset);
  auto& [id, shape] = entry->second;
  std::vector<hsize_t> count = shape;
  hsize_t row = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) row *= shape[i];
  if (row == 0 || values.size() % row != 0) {
    throw Error(ErrorKind::shape,
                fmt::format("{} values are not whole rows of {}", values.size(), row),
                {.file = impl_->target.string(), .key = dataset});
  }
  count[0] = values.size() / row;
  if (count[0] == 0) return;
  std::vector<hsize_t> start(shape.size(), 0);
  start[0] = shape[0];
  shape[0] += count[0];
  const bool extended = H5Dset_extent(id.id(), shape.data()) >= 0;
  const Hdf5Handle file_space(H5Dget_space(id.id()), H5Sclose);
  const Hdf5Handle memory_space(
      H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose);
  H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                      nullptr);
  if (!extended || H5Dwrite(id.id(), native_type<T>(), memory_space.id(), file_space.id(),
                            H5P_DEFAULT, values.data()) < 0) {
    impl_->fail("cannot be written", dataset);
  }
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name,
                           const std::string& text) {
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), text.size() + 1);
  H5Tset_cset(type.id(), H5T_CSET_UTF8);
  impl_->write_attribute(object, name, type.id(), type.id(), text.c_str());
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, std::int64_t value) {
  impl_->write_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, double value) {
  impl_->write_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name,
                           std::span<const std::int64_t> values) {
  const hsize_t size = values.size();
  const Hdf5Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose);
  impl_->write_attribute(object, name, space, H5T_STD_I64LE, H5T_NATIVE_INT64, values.data());
}

void Hdf5Writer::commit() {
  impl_->growing.clear();
  bool whole = H5Fflush(impl_->file.id(), H5F_SCOPE_LOCAL) >= 0;
  std::string why = reason();
  if (!impl_->file.close() && whole) {
    whole = false;
    why = reason();
  }
  std::error_code code;
  if (whole) std::filesystem::rename(impl_->aside, impl_->target, code);
  if (whole && !code) return;
  if (code) why = ": " + code.message();
  std::filesystem::remove(impl_->aside, code);
  throw Error(ErrorKind::io, fmt::format("cannot be written{}", why),
              {.file = impl_->target.string()});
}

#define NJ_INSTANTIATE(T)                                                                         \
  template void Hdf5Writer::write<T>(const std::string&, std::span<const T>,                      \
                                     const std::vector<std::uint64_t>&);                          \
  template void Hdf5Writer::create_rows<T>(const std::string&, const std::vector<std::uint64_t>&, \
                                           std::uint64_t);                                        \
  template void Hdf5Writer::append_rows<T>(const std::string&, std::span<const T>);
NJ_FOR_EACH_HDF5_ELEMENT(NJ_INSTANTIATE)
#undef NJ_INSTANTIATE

}  // namespace nj

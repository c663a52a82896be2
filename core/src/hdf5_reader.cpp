#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "neurojoule/core/hdf5_file.hpp"

#include "hdf5_handle.hpp"

namespace nj {
namespace {

constexpr std::uint64_t max_attribute_bytes = std::uint64_t{1} << 20;
constexpr int max_rank = 8;

template <class T>
bool converts_without_loss(hid_t stored) {
  const H5T_class_t type_class = H5Tget_class(stored);
  const std::size_t size = H5Tget_size(stored);
  if constexpr (std::is_floating_point_v<T>) {
    return type_class == H5T_FLOAT && size <= sizeof(T);
  } else {
    if (type_class != H5T_INTEGER) return false;
    const bool stored_signed = H5Tget_sign(stored) == H5T_SGN_2;
    if (stored_signed == std::is_signed_v<T>) return size <= sizeof(T);
    return !stored_signed && size < sizeof(T);
  }
}

}  // namespace

struct Hdf5Reader::Impl {
  std::string name;
  Hdf5Handle file;

  [[noreturn]] void fail(ErrorKind kind, const std::string& message, const std::string& key) const {
    throw Error(kind, message, {.file = name, .key = key});
  }

  [[nodiscard]] bool has(const std::string& path) const {
    // H5Lexists wants every intermediate group to exist.
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      if (H5Lexists(file.id(), path.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) return false;
    }
    return path == "/" || H5Lexists(file.id(), path.c_str(), H5P_DEFAULT) > 0;
  }

  [[nodiscard]] Hdf5Handle open_dataset(const std::string& path) const {
    if (!has(path)) fail(ErrorKind::format, "no such dataset", path);
    Hdf5Handle dataset(H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset.valid()) fail(ErrorKind::format, "not a dataset", path);
    return dataset;
  }

  [[nodiscard]] std::vector<std::uint64_t> shape(const Hdf5Handle& dataset,
                                                 const std::string& path) const {
    const Hdf5Handle space(H5Dget_space(dataset.id()), H5Sclose);
    const int rank = H5Sget_simple_extent_ndims(space.id());
    if (rank < 0 || rank > max_rank) fail(ErrorKind::format, "has no simple shape", path);
    std::array<hsize_t, max_rank> sizes{};
    H5Sget_simple_extent_dims(space.id(), sizes.data(), nullptr);
    return {sizes.begin(), sizes.begin() + rank};
  }

  [[nodiscard]] std::uint64_t bounded_product(const std::vector<std::uint64_t>& sizes,
                                              std::uint64_t max_elements,
                                              const std::string& path) const {
    std::uint64_t product = 1;
    for (const std::uint64_t size : sizes) {
      if (size != 0 && product > max_elements / size) {
        fail(ErrorKind::capacity, fmt::format("has more than {} elements", max_elements), path);
      }
      product *= size;
    }
    return product;
  }

  template <class T>
  void require_type(const Hdf5Handle& dataset, const std::string& path) const {
    const Hdf5Handle type(H5Dget_type(dataset.id()), H5Tclose);
    if (!converts_without_loss<T>(type.id())) {
      fail(ErrorKind::format, "its element type does not convert without loss", path);
    }
  }

  [[nodiscard]] Hdf5Handle open_attribute(const std::string& object,
                                          const std::string& attribute_name) const {
    if (!has(object)) fail(ErrorKind::format, "no such object", object);
    Hdf5Handle attribute(H5Aopen_by_name(file.id(), object.c_str(), attribute_name.c_str(),
                                         H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
    if (!attribute.valid())
      fail(ErrorKind::format, "no such attribute", object + "@" + attribute_name);
    return attribute;
  }

  template <class T>
  [[nodiscard]] T scalar_attribute(const std::string& object,
                                   const std::string& attribute_name) const {
    const std::string key = object + "@" + attribute_name;
    const Hdf5Handle attribute = open_attribute(object, attribute_name);
    const Hdf5Handle space(H5Aget_space(attribute.id()), H5Sclose);
    const Hdf5Handle type(H5Aget_type(attribute.id()), H5Tclose);
    if (H5Sget_simple_extent_npoints(space.id()) != 1 || !converts_without_loss<T>(type.id())) {
      fail(ErrorKind::format, "expected one number", key);
    }
    T value{};
    if (H5Aread(attribute.id(), native_type<T>(), &value) < 0) {
      fail(ErrorKind::format, "cannot be read", key);
    }
    return value;
  }
};

Hdf5Reader::Hdf5Reader(const std::filesystem::path& file) : impl_(std::make_unique<Impl>()) {
  silence_hdf5();
  impl_->name = file.string();
  std::error_code code;
  if (!std::filesystem::is_regular_file(file, code)) {
    impl_->fail(ErrorKind::io, "no such file", "");
  }
  impl_->file = Hdf5Handle(H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!impl_->file.valid()) {
    impl_->fail(ErrorKind::format, "not a readable HDF5 file (another format, or truncated)", "");
  }
}
Hdf5Reader::~Hdf5Reader() = default;
Hdf5Reader::Hdf5Reader(Hdf5Reader&&) noexcept = default;
Hdf5Reader& Hdf5Reader::operator=(Hdf5Reader&&) noexcept = default;

bool Hdf5Reader::has(const std::string& path) const { return impl_->has(path); }

std::vector<std::string> Hdf5Reader::members(const std::string& group) const {
  if (!impl_->has(group)) impl_->fail(ErrorKind::format, "no such group", group);
  const Hdf5Handle id(H5Gopen2(impl_->file.id(), group.c_str(), H5P_DEFAULT), H5Gclose);
  if (!id.valid()) impl_->fail(ErrorKind::format, "not a group", group);
  std::vector<std::string> names;
  const auto visit = [](hid_t, const char* name, const H5L_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  if (H5Literate(id.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, visit, &names) < 0) {
    impl_->fail(ErrorKind::format, "cannot be listed", group);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::uint64_t> Hdf5Reader::shape(const std::string& dataset) const {
  return impl_->shape(impl_->open_dataset(dataset), dataset);
}

template <Hdf5Element T>
std::vector<T> Hdf5Reader::read(const std::string& dataset, std::uint64_t max_elements) const {
  const Hdf5Handle id = impl_->open_dataset(dataset);
  impl_->require_type<T>(id, dataset);
  const std::uint64_t elements =
      impl_->bounded_product(impl_->shape(id, dataset), max_elements, dataset);
  std::vector<T> values(elements);
  if (elements != 0 &&
      H5Dread(id.id(), native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    impl_->fail(ErrorKind::format, "cannot be read (truncated or damaged)", dataset);
  }
  return values;
}

template <Hdf5Element T>
std::vector<T> Hdf5Reader::read_rows(const std::string& dataset, std::uint64_t first,
                                     std::uint64_t rows, std::uint64_t max_elements) const {
  const Hdf5Handle id = impl_->open_dataset(dataset);
  impl_->require_type<T>(id, dataset);
  std::vector<std::uint64_t> sizes = impl_->shape(id, dataset);
  if (sizes.empty() || first > sizes[0] || rows > sizes[0] - first) {
    impl_->fail(ErrorKind::shape,
                fmt::format("rows {}..{} are outside its {} rows", first, first + rows,
                            sizes.empty() ? 0 : sizes[0]),
                dataset);
  }
  sizes[0] = rows;
  std::vector<T> values(impl_->bounded_product(sizes, max_elements, dataset));
  if (values.empty()) return values;
  const std::vector<hsize_t> count(sizes.begin(), sizes.end());
  std::vector<hsize_t> start(sizes.size(), 0);
  start[0] = first;
  const Hdf5Handle file_space(H5Dget_space(id.id()), H5Sclose);
  const Hdf5Handle memory_space(
      H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose);
  H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                      nullptr);
  if (H5Dread(id.id(), native_type<T>(), memory_space.id(), file_space.id(), H5P_DEFAULT,
              values.data()) < 0) {
    impl_->fail(ErrorKind::format, "cannot be read (truncated or damaged)", dataset);
  }
  return values;
}

std::string Hdf5Reader::attribute_text(const std::string& object, const std::string& name) const {
  const std::string key = object + "@" + name;
  const Hdf5Handle attribute = impl_->open_attribute(object, name);
  const Hdf5Handle type(H5Aget_type(attribute.id()), H5Tclose);
  if (H5Tget_class(type.id()) != H5T_STRING) impl_->fail(ErrorKind::format, "expected text", key);
  if (H5Tis_variable_str(type.id()) > 0) {
    char* text = nullptr;
    const Hdf5Handle memory_type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(memory_type.id(), H5T_VARIABLE);
    H5Tset_cset(memory_type.id(), H5Tget_cset(type.id()));
    if (H5Aread(attribute.id(), memory_type.id(), &text) < 0 || text == nullptr) {
      impl_->fail(ErrorKind::format, "cannot be read", key);
    }
    std::string value(text);
    H5free_memory(text);
    return value;
  }
  const std::size_t size = H5Tget_size(type.id());
  if (size > max_attribute_bytes) impl_->fail(ErrorKind::capacity, "is too long", key);
  std::string value(size, '\0');
  if (H5Aread(attribute.id(), type.id(), value.data()) < 0) {
    impl_->fail(ErrorKind::format, "cannot be read", key);
  }
  value.resize(std::min(value.size(), value.find('\0')));
  return value;
}

std::int64_t Hdf5Reader::attribute_integer(const std::string& object,
                                           const std::string& name) const {
  return impl_->scalar_attribute<std::int64_t>(object, name);
}

double Hdf5Reader::attribute_real(const std::string& object, const std::string& name) const {
  return impl_->scalar_attribute<double>(object, name);
}

bool Hdf5Reader::has_attribute(const std::string& object, const std::string& name) const {
  return impl_->has(object) &&
         H5Aexists_by_name(impl_->file.id(), object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

#define NJ_INSTANTIATE(T)                                                               \
  template std::vector<T> Hdf5Reader::read<T>(const std::string&, std::uint64_t) const; \
  template std::vector<T> Hdf5Reader::read_rows<T>(const std::string&, std::uint64_t,   \
                                                   std::uint64_t, std::uint64_t) const;
NJ_FOR_EACH_HDF5_ELEMENT(NJ_INSTANTIATE)
#undef NJ_INSTANTIATE

}  // namespace nj

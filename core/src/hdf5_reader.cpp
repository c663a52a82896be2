#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include <fmt/format.h>

#include "neurojoule/core/hdf5_file.hpp"

#include "hdf5_handle.hpp"
#include "hdf5_heap.hpp"

namespace nj {
namespace {

constexpr std::uint64_t max_attribute_bytes = std::uint64_t{1} << 20;
constexpr std::uint64_t max_members = std::uint64_t{1} << 20;
constexpr int max_rank = 8;

/// Owns the texts of variable length that HDF5 reads, up to a number of bytes.
class TextArena {
 public:
  explicit TextArena(std::uint64_t max_bytes) : left_(max_bytes) {}
  /// For H5Pset_vlen_mem_manager; null when the bytes are used up.
  static void* allocate(std::size_t size, void* arena) {
    auto& self = *static_cast<TextArena*>(arena);
    self.full_ = self.full_ || size > self.left_;
    if (self.full_) return nullptr;
    try {
      self.left_ -= size;
      return self.blocks_.emplace_back(std::make_unique<char[]>(size)).get();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
  static void release(void*, void*) {}
  [[nodiscard]] bool full() const { return full_; }

 private:
  std::uint64_t left_;
  bool full_ = false;
  std::vector<std::unique_ptr<char[]>> blocks_;
};

/// True for the enumeration {FALSE = 0, TRUE = 1} in one byte.
bool is_boolean(hid_t type) {
  if (H5Tget_class(type) != H5T_ENUM || H5Tget_size(type) != 1) return false;
  if (H5Tget_nmembers(type) != 2) return false;
  std::array<std::uint8_t, 2> values{};
  return H5Tget_member_value(type, 0, &values[0]) >= 0 &&
         H5Tget_member_value(type, 1, &values[1]) >= 0 && values[0] + values[1] == 1;
}

Hdf5ElementType element_type_of(hid_t type) {
  Hdf5ElementType result{Hdf5Class::other, H5Tget_size(type)};
  const H5T_class_t type_class = H5Tget_class(type);
  if (type_class == H5T_INTEGER) result.element = Hdf5Class::integer;
  if (type_class == H5T_FLOAT) result.element = Hdf5Class::real;
  if (type_class == H5T_STRING) result.element = Hdf5Class::text;
  if (is_boolean(type)) result.element = Hdf5Class::boolean;
  return result;
}

/// The memory type of texts of variable length, in the character set of the stored type.
Hdf5Handle variable_text(hid_t stored) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), H5T_VARIABLE);
  H5Tset_cset(type.id(), H5Tget_cset(stored));
  return type;
}

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

  [[nodiscard]] bool has_link(const std::string& path) const {
    if (H5Lexists(file.id(), path.c_str(), H5P_DEFAULT) <= 0) return false;
    H5L_info_t info{};
    if (H5Lget_info(file.id(), path.c_str(), &info, H5P_DEFAULT) < 0) return false;
    if (info.type != H5L_TYPE_HARD) fail(ErrorKind::format, "is a link to elsewhere", path);
    return true;
  }

  [[nodiscard]] bool has(const std::string& path) const {
    // H5Lexists wants every intermediate group to exist.
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      if (!has_link(path.substr(0, slash))) return false;
    }
    return path == "/" || has_link(path);
  }

  [[nodiscard]] Hdf5Handle open_dataset(const std::string& path) const {
    if (!has(path)) fail(ErrorKind::format, "no such dataset", path);
    Hdf5Handle dataset(H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset.valid()) fail(ErrorKind::format, "not a dataset", path);
    const Hdf5Handle properties(H5Dget_create_plist(dataset.id()), H5Pclose);
    if (H5Pget_layout(properties.id()) == H5D_VIRTUAL ||
        H5Pget_external_count(properties.id()) != 0) {
      fail(ErrorKind::format, "its values lie in another file", path);
    }
    return dataset;
  }

  /// The number of elements to read, known to be bounded and stored.
  [[nodiscard]] std::uint64_t stored_elements(const Hdf5Handle& dataset, const std::string& path,
                                              std::uint64_t max_elements) const {
    const std::uint64_t elements = bounded_product(shape(dataset, path), max_elements, path);
    if (elements != 0 && H5Dget_storage_size(dataset.id()) == 0) {
      fail(ErrorKind::format, "its values were never written", path);
    }
    return elements;
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

  [[nodiscard]] static std::uint64_t attribute_elements(const Hdf5Handle& attribute) {
    const Hdf5Handle space(H5Aget_space(attribute.id()), H5Sclose);
    const hssize_t elements = H5Sget_simple_extent_npoints(space.id());
    return elements < 0 ? 0 : static_cast<std::uint64_t>(elements);
  }

  template <class T>
  [[nodiscard]] T scalar_attribute(const std::string& object,
                                   const std::string& attribute_name) const {
    const std::string key = object + "@" + attribute_name;
    const Hdf5Handle attribute = open_attribute(object, attribute_name);
    const Hdf5Handle type(H5Aget_type(attribute.id()), H5Tclose);
    if (attribute_elements(attribute) != 1 || !converts_without_loss<T>(type.id())) {
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

Hdf5Kind Hdf5Reader::kind(const std::string& path) const {
  if (!impl_->has(path)) impl_->fail(ErrorKind::format, "no such object", path);
  const Hdf5Handle object(H5Oopen(impl_->file.id(), path.c_str(), H5P_DEFAULT), H5Oclose);
  if (!object.valid()) impl_->fail(ErrorKind::format, "cannot be opened", path);
  switch (H5Iget_type(object.id())) {
    case H5I_GROUP:
      return Hdf5Kind::group;
    case H5I_DATASET:
      return Hdf5Kind::dataset;
    default:
      return Hdf5Kind::other;
  }
}

std::vector<std::string> Hdf5Reader::members(const std::string& group) const {
  if (!impl_->has(group)) impl_->fail(ErrorKind::format, "no such group", group);
  const Hdf5Handle id(H5Gopen2(impl_->file.id(), group.c_str(), H5P_DEFAULT), H5Gclose);
  if (!id.valid()) impl_->fail(ErrorKind::format, "not a group", group);
  std::vector<std::string> names;
  const auto visit = [](hid_t, const char* name, const H5L_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  H5G_info_t info{};
  if (H5Gget_info(id.id(), &info) < 0) impl_->fail(ErrorKind::format, "cannot be listed", group);
  if (info.nlinks > max_members) {
    impl_->fail(ErrorKind::capacity, fmt::format("has more than {} members", max_members), group);
  }
  if (H5Literate(id.id(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, visit, &names) < 0) {
    impl_->fail(ErrorKind::format, "cannot be listed", group);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::uint64_t> Hdf5Reader::shape(const std::string& dataset) const {
  return impl_->shape(impl_->open_dataset(dataset), dataset);
}

Hdf5ElementType Hdf5Reader::element_type(const std::string& dataset) const {
  const Hdf5Handle id = impl_->open_dataset(dataset);
  const Hdf5Handle type(H5Dget_type(id.id()), H5Tclose);
  return element_type_of(type.id());
}

template <Hdf5Element T>
std::vector<T> Hdf5Reader::read(const std::string& dataset, std::uint64_t max_elements) const {
  const Hdf5Handle id = impl_->open_dataset(dataset);
  impl_->require_type<T>(id, dataset);
  const std::uint64_t elements = impl_->stored_elements(id, dataset, max_elements);
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

std::vector<std::string> Hdf5Reader::read_texts(const std::string& dataset,
                                                std::uint64_t max_elements,
                                                std::uint64_t max_bytes) const {
  const Hdf5Handle id = impl_->open_dataset(dataset);
  const Hdf5Handle type(H5Dget_type(id.id()), H5Tclose);
  if (H5Tget_class(type.id()) != H5T_STRING) {
    impl_->fail(ErrorKind::format, "expected text", dataset);
  }
  std::vector<std::string> texts(impl_->stored_elements(id, dataset, max_elements));
  if (texts.empty()) return texts;
  if (H5Tis_variable_str(type.id()) > 0) {
    if (const auto damage = damaged_texts(impl_->name, impl_->file.id(), id.id(), texts.size())) {
      impl_->fail(ErrorKind::format, *damage, dataset);
    }
    TextArena arena(max_bytes);
    const Hdf5Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
    H5Pset_vlen_mem_manager(transfer.id(), TextArena::allocate, &arena, TextArena::release,
                            nullptr);
    std::vector<const char*> pointers(texts.size(), nullptr);
    const Hdf5Handle memory_type = variable_text(type.id());
    const herr_t status =
        H5Dread(id.id(), memory_type.id(), H5S_ALL, H5S_ALL, transfer.id(), pointers.data());
    if (arena.full()) {
      impl_->fail(ErrorKind::capacity, fmt::format("has more than {} bytes of text", max_bytes),
                  dataset);
    }
    if (status < 0) impl_->fail(ErrorKind::format, "cannot be read", dataset);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (pointers[i] != nullptr) texts[i] = pointers[i];
    }
    return texts;
  }
  const std::size_t width = H5Tget_size(type.id());
  if (width > max_bytes / texts.size()) {
    impl_->fail(ErrorKind::capacity, fmt::format("has more than {} bytes of text", max_bytes),
                dataset);
  }
  std::string all(width * texts.size(), '\0');
  if (H5Dread(id.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data()) < 0) {
    impl_->fail(ErrorKind::format, "cannot be read (truncated or damaged)", dataset);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts[i] = all.substr(i * width, width);
    texts[i].resize(std::min(width, texts[i].find('\0')));
  }
  return texts;
}

std::string Hdf5Reader::read_text(const std::string& dataset, std::uint64_t max_bytes) const {
  std::vector<std::string> texts = read_texts(dataset, 1, max_bytes);
  if (texts.empty()) impl_->fail(ErrorKind::format, "expected one text", dataset);
  return std::move(texts.front());
}

std::vector<std::uint8_t> Hdf5Reader::read_booleans(const std::string& dataset,
                                                    std::uint64_t max_elements) const {
  const Hdf5Handle id = impl_->open_dataset(dataset);
  const Hdf5Handle type(H5Dget_type(id.id()), H5Tclose);
  if (!is_boolean(type.id())) impl_->fail(ErrorKind::format, "expected booleans", dataset);
  std::vector<std::uint8_t> values(impl_->stored_elements(id, dataset, max_elements));
  if (!values.empty() &&
      H5Dread(id.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    impl_->fail(ErrorKind::format, "cannot be read (truncated or damaged)", dataset);
  }
  if (std::any_of(values.begin(), values.end(), [](std::uint8_t value) { return value > 1; })) {
    impl_->fail(ErrorKind::format, "holds a boolean that is neither 0 nor 1", dataset);
  }
  return values;
}

std::vector<std::string> Hdf5Reader::attribute_names(const std::string& object) const {
  if (!impl_->has(object)) impl_->fail(ErrorKind::format, "no such object", object);
  std::vector<std::string> names;
  const auto visit = [](hid_t, const char* name, const H5A_info_t*, void* data) -> herr_t {
    auto& list = *static_cast<std::vector<std::string>*>(data);
    if (list.size() == max_members) return -1;
    list.emplace_back(name);
    return 0;
  };
  if (H5Aiterate_by_name(impl_->file.id(), object.c_str(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr,
                         visit, &names, H5P_DEFAULT) < 0) {
    if (names.size() == max_members) {
      impl_->fail(ErrorKind::capacity, fmt::format("has more than {} attributes", max_members),
                  object);
    }
    impl_->fail(ErrorKind::format, "its attributes cannot be listed", object);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Hdf5ElementType Hdf5Reader::attribute_type(const std::string& object,
                                           const std::string& name) const {
  const Hdf5Handle attribute = impl_->open_attribute(object, name);
  const Hdf5Handle type(H5Aget_type(attribute.id()), H5Tclose);
  return element_type_of(type.id());
}

std::string Hdf5Reader::attribute_text(const std::string& object, const std::string& name) const {
  const std::string key = object + "@" + name;
  const Hdf5Handle attribute = impl_->open_attribute(object, name);
  const Hdf5Handle type(H5Aget_type(attribute.id()), H5Tclose);
  if (H5Tget_class(type.id()) != H5T_STRING) impl_->fail(ErrorKind::format, "expected text", key);
  if (Impl::attribute_elements(attribute) != 1) {
    impl_->fail(ErrorKind::format, "expected one text", key);
  }
  if (H5Tis_variable_str(type.id()) > 0) {
    char* text = nullptr;
    const Hdf5Handle memory_type = variable_text(type.id());
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

std::vector<std::int64_t> Hdf5Reader::attribute_integers(const std::string& object,
                                                         const std::string& name,
                                                         std::uint64_t max_elements) const {
  const std::string key = object + "@" + name;
  const Hdf5Handle attribute = impl_->open_attribute(object, name);
  const Hdf5Handle type(H5Aget_type(attribute.id()), H5Tclose);
  if (!converts_without_loss<std::int64_t>(type.id())) {
    impl_->fail(ErrorKind::format, "expected integers", key);
  }
  const std::uint64_t elements = Impl::attribute_elements(attribute);
  if (elements > max_elements) {
    impl_->fail(ErrorKind::capacity, fmt::format("has more than {} elements", max_elements), key);
  }
  std::vector<std::int64_t> values(elements);
  if (elements != 0 && H5Aread(attribute.id(), H5T_NATIVE_INT64, values.data()) < 0) {
    impl_->fail(ErrorKind::format, "cannot be read", key);
  }
  return values;
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

// Question: does the HDF5 reader give back what NIR files need (texts, booleans, scalars, empty
// groups), and does it refuse what lies outside the file or was never stored?
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <hdf5.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/core/hdf5_file.hpp>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;
using nj::testing::TemporaryFolder;
using nj::testing::thrown;

namespace {

void write_example(const std::filesystem::path& file) {
  Hdf5Writer writer(file);
  writer.write_text("/version", "1.0 \u03b1");
  writer.write_texts("/edges", std::vector<std::string>{"a", "", "long name", "b"}, {2, 2});
  writer.write_texts("/none", std::vector<std::string>{}, {0, 2});
  writer.write_booleans("/flags", std::vector<std::uint8_t>{1, 0, 1}, {3});
  writer.write<double>("/scalar", std::vector<double>{0.5}, {});
  writer.write<float>("/list", std::vector<float>{1.0F, 2.0F}, {2});
  writer.create_group("/empty/inner");
  writer.create_group("/empty");
  writer.commit();
}

/// A file that HDF5 itself writes, for what our writer cannot say.
hid_t create(const std::filesystem::path& file) {
  return H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

}  // namespace

TEST_CASE("texts, booleans, scalars and empty groups are read back") {
  const TemporaryFolder folder;
  write_example(folder / "a.h5");
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(reader.read_text("/version", 100) == "1.0 \u03b1");
  CHECK(reader.shape("/version").empty());
  CHECK(reader.read_texts("/edges", 4, 100) == std::vector<std::string>{"a", "", "long name", "b"});
  CHECK(reader.shape("/edges") == std::vector<std::uint64_t>{2, 2});
  CHECK(reader.read_texts("/none", 4, 100).empty());
  CHECK(reader.read_booleans("/flags", 3) == std::vector<std::uint8_t>{1, 0, 1});
  CHECK(reader.shape("/scalar").empty());
  CHECK(reader.read<double>("/scalar", 1) == std::vector<double>{0.5});
  CHECK(reader.kind("/") == Hdf5Kind::group);
  CHECK(reader.kind("/empty") == Hdf5Kind::group);
  CHECK(reader.kind("/edges") == Hdf5Kind::dataset);
  CHECK(reader.members("/empty") == std::vector<std::string>{"inner"});
  CHECK(reader.members("/empty/inner").empty());
  CHECK(reader.element_type("/version").element == Hdf5Class::text);
  CHECK(reader.element_type("/flags").element == Hdf5Class::boolean);
  CHECK(reader.element_type("/list").element == Hdf5Class::real);
  CHECK(reader.element_type("/list").bytes == 4);
  CHECK(reader.element_type("/scalar").bytes == 8);
}

TEST_CASE("thousands of texts are read back, and equal content gives equal bytes") {
  const TemporaryFolder folder;
  std::vector<std::string> texts(3000);
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = "node" + std::to_string(i % 7);
  for (const char* name : {"a.h5", "b.h5"}) {
    Hdf5Writer writer(folder / name);
    writer.write_texts("/t", texts, {1500, 2});
    writer.commit();
  }
  CHECK(Hdf5Reader(folder / "a.h5").read_texts("/t", 3000, 1 << 20) == texts);
  CHECK(read_file(folder / "a.h5", 1 << 24) == read_file(folder / "b.h5", 1 << 24));
}

TEST_CASE("no object says when it was made, groups on the way included") {
  const TemporaryFolder folder;
  Hdf5Writer writer(folder / "a.h5");
  writer.write<float>("/a/b/c", std::vector<float>{1.0F}, {1});
  writer.write_text("d/e", "text");
  writer.create_group("/f/g");
  writer.attribute("/h/i", "x", 0.5);
  writer.create_rows<std::int16_t>("j/k", {2}, 4);
  writer.commit();
  const hid_t file = H5Fopen((folder / "a.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  for (const char* object :
       {"/", "/a", "/a/b", "/a/b/c", "/d", "/d/e", "/f", "/f/g", "/h", "/h/i", "/j", "/j/k"}) {
    CAPTURE(object);
    H5O_info_t info{};
    CHECK(H5Oget_info_by_name(file, object, &info, H5P_DEFAULT) >= 0);
    CHECK(info.ctime == 0);
    CHECK(info.mtime == 0);
  }
  H5Fclose(file);
}

TEST_CASE("texts of fixed length end at their first zero") {
  const TemporaryFolder folder;
  const hid_t file = create(folder / "a.h5");
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 4);
  const hsize_t two = 2;
  const hid_t space = H5Screate_simple(1, &two, nullptr);
  const hid_t dataset = H5Dcreate2(file, "/t", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, "ab\0\0abcd");
  H5Dclose(dataset);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(reader.read_texts("/t", 2, 8) == std::vector<std::string>{"ab", "abcd"});
  CHECK(thrown([&] { (void)reader.read_texts("/t", 2, 7); })->kind() == ErrorKind::capacity);
}

TEST_CASE("texts and booleans are bounded and checked before they are used") {
  const TemporaryFolder folder;
  write_example(folder / "a.h5");
  const std::string name = (folder / "a.h5").string();
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(message_of([&] { (void)reader.read_texts("/edges", 3, 100); }) ==
        name + ": /edges: has more than 3 elements");
  // "a", "", "long name", "b" with their final zeros are 2 + 1 + 10 + 2 bytes; HDF5 does not ask
  // for the empty one.
  CHECK(message_of([&] { (void)reader.read_texts("/edges", 4, 13); }) ==
        name + ": /edges: has more than 13 bytes of text");
  CHECK(message_of([&] { (void)reader.read_text("/list", 9); }) == name + ": /list: expected text");
  CHECK(message_of([&] { (void)reader.read_text("/none", 9); }) ==
        name + ": /none: expected one text");
  CHECK(message_of([&] { (void)reader.read_booleans("/list", 9); }) ==
        name + ": /list: expected booleans");
  CHECK(message_of([&] { (void)reader.kind("/no/such"); }) == name + ": /no/such: no such object");
  Hdf5Writer writer(folder / "b.h5");
  CHECK(message_of([&] { writer.write_text("/t", std::string("a\0b", 3)); }) ==
        (folder / "b.h5").string() + ": /t: a text holds a zero byte");
  CHECK(thrown([&] { writer.write_texts("/t", std::vector<std::string>{"a"}, {2}); })->kind() ==
        ErrorKind::shape);
}

TEST_CASE("what lies outside the file is not followed") {
  const TemporaryFolder folder;
  write_example(folder / "other.h5");
  const hid_t file = create(folder / "a.h5");
  H5Lcreate_external((folder / "other.h5").c_str(), "/", file, "/far", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/", file, "/soft", H5P_DEFAULT, H5P_DEFAULT);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(properties, (folder / "other.h5").c_str(), 0, 8);
  const hsize_t eight = 8;
  const hid_t space = H5Screate_simple(1, &eight, nullptr);
  H5Dclose(H5Dcreate2(file, "/outside", H5T_STD_U8LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
  H5Sclose(space);
  H5Pclose(properties);
  H5Fclose(file);
  const std::string name = (folder / "a.h5").string();
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(message_of([&] { (void)reader.read_text("/far/version", 9); }) ==
        name + ": /far: is a link to elsewhere");
  CHECK(message_of([&] { (void)reader.members("/soft"); }) ==
        name + ": /soft: is a link to elsewhere");
  CHECK(message_of([&] { (void)reader.read<std::uint8_t>("/outside", 8); }) ==
        name + ": /outside: its values lie in another file");
}

TEST_CASE("damage to any byte of texts, or of the references to them, is refused or harmless") {
  const TemporaryFolder folder;
  {
    Hdf5Writer writer(folder / "a.h5");
    writer.write_texts("/t", std::vector<std::string>{"alpha", "b", "", "gamma gamma"}, {4});
    writer.commit();
  }
  const std::string whole = read_file(folder / "a.h5", 1 << 24);
  // The collection of texts begins with GCOL; a reference is a length, that address, an index.
  const std::uint64_t heap = whole.find("GCOL");
  const std::size_t first = whole.find(std::string(reinterpret_cast<const char*>(&heap), 8)) - 4;
  REQUIRE(first < whole.size() - 64);
  std::size_t refused = 0;
  for (const std::size_t begin : {static_cast<std::size_t>(heap), first}) {
    for (std::size_t at = begin; at < begin + 64; ++at) {
      for (const int damage : {0x01, 0x80, 0xff}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ damage);
        write_file_atomically(folder / "b.h5", damaged);
        const auto read = [&] { (void)Hdf5Reader(folder / "b.h5").read_texts("/t", 4, 99); };
        refused += thrown(read) ? 1 : 0;
      }
    }
  }
  // All but the empty text's index (4 bytes), reference counts and reserved bytes, and the texts.
  CHECK(refused > 200);
  MESSAGE(refused << " of 384 damaged files are refused");
}

TEST_CASE("texts in chunks are read when they are plain or deflated") {
  const TemporaryFolder folder;
  const hid_t file = create(folder / "a.h5");
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  const hsize_t sizes[] = {3, 2};
  const hsize_t chunk[] = {2, 2};  // the second chunk is half outside
  const hid_t space = H5Screate_simple(2, sizes, nullptr);
  const char* texts[] = {"abc", "", "d", "e", "f", "long text"};
  for (const char* name : {"/plain", "/deflated", "/shuffled"}) {
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, 2, chunk);
    if (name == std::string("/deflated")) H5Pset_deflate(properties, 4);
    if (name == std::string("/shuffled")) H5Pset_shuffle(properties);
    const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts);
    H5Dclose(dataset);
    H5Pclose(properties);
  }
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);
  const Hdf5Reader reader(folder / "a.h5");
  const std::vector<std::string> expected(std::begin(texts), std::end(texts));
  CHECK(reader.read_texts("/plain", 6, 99) == expected);
  CHECK(reader.read_texts("/deflated", 6, 99) == expected);
  CHECK(message_of([&] { (void)reader.read_texts("/shuffled", 6, 99); }) ==
        (folder / "a.h5").string() +
            ": /shuffled: its texts are truncated, damaged, or stored in a way that is not read");
}

TEST_CASE("a dataset that claims values which were never written is refused") {
  const TemporaryFolder folder;
  const hid_t file = create(folder / "a.h5");
  const hsize_t many = hsize_t{1} << 30;
  const hid_t space = H5Screate_simple(1, &many, nullptr);
  H5Dclose(H5Dcreate2(file, "/x", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
  H5Fclose(file);
  CHECK(message_of([&] {
          (void)Hdf5Reader(folder / "a.h5").read<double>("/x", std::uint64_t{1} << 40);
        }) == (folder / "a.h5").string() + ": /x: its values were never written");
}

TEST_CASE("attributes are listed, typed, and read as one text, numbers or a list") {
  const TemporaryFolder folder;
  {
    Hdf5Writer writer(folder / "a.h5");
    writer.attribute("/g", "word", std::string("none"));
    writer.attribute("/g", "half", 0.5);
    writer.attribute("/g", "one", std::int64_t{1});
    writer.attribute("/g", "list", std::vector<std::int64_t>{3, -4, 5});
    writer.commit();
  }
  const std::string name = (folder / "a.h5").string();
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(reader.attribute_names("/g") == std::vector<std::string>{"half", "list", "one", "word"});
  CHECK(reader.attribute_names("/").empty());
  CHECK(reader.attribute_type("/g", "word").element == Hdf5Class::text);
  CHECK(reader.attribute_type("/g", "half").element == Hdf5Class::real);
  CHECK(reader.attribute_type("/g", "list").element == Hdf5Class::integer);
  CHECK(reader.attribute_integers("/g", "list", 3) == std::vector<std::int64_t>{3, -4, 5});
  CHECK(reader.attribute_integers("/g", "one", 3) == std::vector<std::int64_t>{1});
  CHECK(message_of([&] { (void)reader.attribute_integers("/g", "list", 2); }) ==
        name + ": /g@list: has more than 2 elements");
  CHECK(message_of([&] { (void)reader.attribute_integers("/g", "half", 2); }) ==
        name + ": /g@half: expected integers");
  CHECK(message_of([&] { (void)reader.attribute_integer("/g", "list"); }) ==
        name + ": /g@list: expected one number");
}

TEST_CASE("an attribute of many texts is not one text") {
  const TemporaryFolder folder;
  const hid_t file = create(folder / "a.h5");
  const hsize_t many = 100;
  const hid_t space = H5Screate_simple(1, &many, nullptr);
  const hid_t fixed = H5Tcopy(H5T_C_S1);
  H5Tset_size(fixed, 8);
  const std::vector<char> texts(800, 'x');
  const hid_t list = H5Acreate2(file, "fixed", fixed, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(list, fixed, texts.data());
  H5Aclose(list);
  const hid_t variable = H5Tcopy(H5T_C_S1);
  H5Tset_size(variable, H5T_VARIABLE);
  const std::vector<const char*> pointers(100, "x");
  const hid_t other = H5Acreate2(file, "variable", variable, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(other, variable, pointers.data());
  H5Aclose(other);
  H5Tclose(variable);
  H5Tclose(fixed);
  H5Sclose(space);
  H5Fclose(file);
  const Hdf5Reader reader(folder / "a.h5");
  for (const char* attribute : {"fixed", "variable"}) {
    CHECK(message_of([&] { (void)reader.attribute_text("/", attribute); }) ==
          (folder / "a.h5").string() + ": /@" + attribute + ": expected one text");
  }
}

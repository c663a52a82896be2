// Question: does a NIR graph survive writing and reading, do the files of the `nir` package read as
// the package reads them, and is every damaged or hostile file refused by name?
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <hdf5.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/core/hdf5_file.hpp>
#include <neurojoule/models/nir_file.hpp>

#include "nir_example.hpp"
#include "support/thrown.hpp"

using namespace nj;
using namespace nj::nir_example;
using nj::testing::message_of;
using nj::testing::TemporaryFolder;
using nj::testing::thrown;

namespace {

const std::filesystem::path shared_folder = std::filesystem::path(NJ_SHARED_DATA) / "data" / "nir";

/// A file with one node `n` whose fields `fill` writes.
template <class Fill>
std::filesystem::path one_node(const TemporaryFolder& folder, Fill&& fill) {
  const std::filesystem::path file = folder / "one.nir";
  Hdf5Writer writer(file);
  writer.write_text("/node/type", "NIRGraph");
  writer.write<double>("/node/edges", std::vector<double>{}, {0});
  fill(writer, std::string("/node/nodes/n/"));
  writer.commit();
  return file;
}

void write_value(Hdf5Writer& writer, const std::string& path, double value) {
  writer.write<double>(path, std::vector<double>{value}, {1});
}

std::string refusal(const std::filesystem::path& file) {
  return message_of([&] { (void)read_nir(file); });
}

std::string refusal(const NirGraph& graph) {
  return message_of([&] { validate(graph); });
}

NirGraph with_node(NirOperator op) { return {.nodes = {{"n", std::move(op), {}}}}; }

}  // namespace

TEST_CASE("every node type, cycles, subgraphs and metadata survive writing and reading") {
  const TemporaryFolder folder;
  const NirGraph graph = every_node_type();
  write_nir(folder / "a.nir", graph);
  CHECK(read_nir(folder / "a.nir") == graph);
  write_nir(folder / "b.nir", graph);
  CHECK(read_file(folder / "a.nir", 1 << 24) == read_file(folder / "b.nir", 1 << 24));
  CHECK(std::filesystem::remove(folder / "a.nir"));
  CHECK(std::filesystem::remove(folder / "b.nir"));
  CHECK(std::filesystem::is_empty(folder.path()));

  const NirGraph any = with_node(NirFlatten{std::nullopt, 0, 2});
  write_nir(folder / "any.nir", any);
  CHECK(read_nir(folder / "any.nir") == any);
  NirGraph empty;
  empty.version = "0.2.0";
  write_nir(folder / "empty.nir", empty);
  CHECK(read_nir(folder / "empty.nir") == empty);
}

TEST_CASE("fields that the package lets out are filled as it fills them") {
  const TemporaryFolder folder;
  const auto file = one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
    writer.write_text(n + "type", "CubaLIF");
    for (const char* name : {"tau_syn", "tau_mem", "r", "v_leak", "v_threshold"}) {
      writer.write<float>(n + name, std::vector<float>{1.5F, 2.5F}, {2});
    }
  });
  const NirGraph graph = read_nir(file);
  const auto& lif = std::get<NirCubaLif>(graph.find("n")->op);
  CHECK(lif.tau_mem == array_of({2}, {1.5, 2.5}, NirElement::float32));
  CHECK(lif.v_reset == array_of({2}, {0, 0}, NirElement::float32));
  CHECK(lif.w_in == array_of({2}, {1, 1}, NirElement::float32));
  CHECK(graph.edges.empty());
  CHECK(graph.version == nir_layout_version);
  CHECK(graph.find("m") == nullptr);
}

TEST_CASE("a single number serves for height and width, and integers for parameters") {
  const TemporaryFolder folder;
  const auto file = one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
    writer.write_text(n + "type", "Conv2d");
    writer.write<std::int32_t>(n + "weight", std::vector<std::int32_t>{-7}, {1, 1, 1, 1});
    write_value(writer, n + "bias", 0.5);
    writer.write<std::int64_t>(n + "stride", std::vector<std::int64_t>{2}, {});
    writer.write<std::int64_t>(n + "padding", std::vector<std::int64_t>{3}, {1});
    writer.write<std::uint8_t>(n + "dilation", std::vector<std::uint8_t>{1, 4}, {2});
    writer.write<std::int64_t>(n + "groups", std::vector<std::int64_t>{1}, {});
  });
  const NirGraph graph = read_nir(file);
  const auto& conv = std::get<NirConv2d>(graph.find("n")->op);
  CHECK(conv.weight == array_of({1, 1, 1, 1}, {-7}, NirElement::int64));
  CHECK(conv.stride == std::array<std::uint64_t, 2>{2, 2});
  CHECK(conv.padding == NirPadding<2>(std::array<std::uint64_t, 2>{3, 3}));
  CHECK(conv.dilation == std::array<std::uint64_t, 2>{1, 4});
  CHECK_FALSE(conv.input_shape.has_value());
}

TEST_CASE("files of the NIR paper read, and survive writing and reading") {
  const TemporaryFolder folder;
  for (const char* name : {"lif_norse.nir", "lif_rockpool.nir", "braille_noDelay_bias_zero.nir",
                           "braille_noDelay_noBias_subtract.nir"}) {
    CAPTURE(name);
    if (!std::filesystem::exists(shared_folder / name)) {
      MESSAGE("skipped: no " << (shared_folder / name).string());
      continue;
    }
    const NirGraph graph = read_nir(shared_folder / name);
    write_nir(folder / name, graph);
    CHECK(read_nir(folder / name) == graph);
    CHECK(graph.find("input") != nullptr);
    CHECK(graph.find("output") != nullptr);
    if (std::string(name) == "lif_norse.nir") {
      const auto& lif = std::get<NirLif>(graph.find("1")->op);
      CHECK(lif.tau == array_of({1}, {double{0.0025F}}, NirElement::float32));
      CHECK(lif.v_threshold.values[0] == double{0.1F});
      CHECK(lif.v_reset.values[0] == 0.0);
      CHECK(graph.version == "0.1.1");
      CHECK(graph.edges == std::vector<std::pair<std::string, std::string>>{
                               {"input", "0"}, {"0", "1"}, {"1", "output"}});
    }
    if (std::string(name) == "braille_noDelay_bias_zero.nir") {
      CHECK(graph.nodes.size() == 7);
      CHECK(graph.edges.size() == 7);
      const auto& recurrent = std::get<NirAffine>(graph.find("lif1.w_rec")->op);
      CHECK(recurrent.weight.shape == std::vector<std::uint64_t>{38, 38});
      CHECK(recurrent.weight.element == NirElement::float32);
      const auto& lif = std::get<NirCubaLif>(graph.find("lif1.lif")->op);
      CHECK(lif.w_in.element == NirElement::float64);
      CHECK(lif.w_in.values.size() == 38);
    }
  }
}

TEST_CASE("what a node may not hold is refused by type, file and path") {
  const TemporaryFolder folder;
  const std::string at = (folder / "one.nir").string() + ": /node/nodes/n";
  CHECK(refusal(one_node(folder,
                         [](Hdf5Writer& writer, const std::string& n) {
                           writer.write_text(n + "type", "Attention");
                         })) ==
        at + "/type: unknown node type 'Attention'; NIR has Input, Output, Affine, Linear, Scale, "
             "Conv1d, Conv2d, AvgPool2d, SumPool2d, Flatten, Delay, Threshold, I, IF, LI, LIF, "
             "CubaLI, CubaLIF, NIRGraph");
  CHECK(refusal(one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
          write_value(writer, n + "r", 1.0);
        })) == at + ": has no 'type'");
  CHECK(refusal(one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
          writer.write_text(n + "type", "IF");
          write_value(writer, n + "r", 1.0);
        })) == at + ": IF has no 'v_threshold'");
  CHECK(refusal(one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
          writer.write_text(n + "type", "I");
          write_value(writer, n + "r", 1.0);
          write_value(writer, n + "tau", 1.0);
        })) == at + "/tau: unknown field of I");
  CHECK(refusal(one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
          writer.write_text(n + "type", "I");
          write_value(writer, n + "r", std::numeric_limits<double>::infinity());
        })) == at + "/r: element 0 is inf");
  CHECK(refusal(one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
          writer.write_text(n + "type", "I");
          writer.write_text(n + "r", "one");
        })) == at + "/r: expected numbers");
  CHECK(refusal(one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
          writer.write_text(n + "type", "I");
          writer.write_booleans(n + "r", std::vector<std::uint8_t>{1}, {1});
        })) == at + "/r: booleans are no parameters");
  CHECK(refusal(one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
          writer.write_text(n + "type", "I");
          writer.write<std::int64_t>(n + "r", std::vector<std::int64_t>{(1LL << 53) + 1}, {1});
        })) == at + "/r: 9007199254740993 is beyond 2^53");
  CHECK(refusal(one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
          writer.write_text(n + "type", "Input");
          writer.write<std::int64_t>(n + "shape", std::vector<std::int64_t>{-2}, {1});
        })) == at + "/shape: expected sizes, got -2");
  CHECK(refusal(one_node(folder, [](Hdf5Writer& writer, const std::string& n) {
          writer.write_text(n + "type", "Input");
          writer.write<std::int64_t>(n + "shape", std::vector<std::int64_t>{1LL << 40, 1LL << 40},
                                     {2});
        })) == at + "/shape: more than 134217728 elements");
}

TEST_CASE("files that are no NIR graph are refused") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "a.nir";
  {
    Hdf5Writer writer(file);
    write_value(writer, "/x", 1.0);
    writer.commit();
  }
  CHECK(refusal(file) == file.string() + ": /node: not a NIR file: it has no node with a type");
  {
    Hdf5Writer writer(file);
    writer.write_text("/node/type", "LIF");
    writer.commit();
  }
  CHECK(refusal(file) == file.string() + ": /node/type: the root is 'LIF', expected 'NIRGraph'");
  CHECK(thrown([&] { (void)read_nir(folder / "none.nir"); })->kind() == ErrorKind::io);
  write_file_atomically(file, "neither HDF5 nor NIR");
  CHECK(thrown([&] { (void)read_nir(file); })->kind() == ErrorKind::format);
}

TEST_CASE("a file cut anywhere is refused") {
  const TemporaryFolder folder;
  write_nir(folder / "whole.nir", every_node_type());
  const std::string whole = read_file(folder / "whole.nir", 1 << 24);
  for (std::size_t size = 0; size < whole.size(); size += 997) {
    CAPTURE(size);
    write_file_atomically(folder / "cut.nir", whole.substr(0, size));
    CHECK(thrown([&] { (void)read_nir(folder / "cut.nir"); }).has_value());
  }
}

TEST_CASE("a file that claims 2^60 elements, and one that contains itself, are refused") {
  const TemporaryFolder folder;
  const std::filesystem::path file = one_node(
      folder, [](Hdf5Writer& writer, const std::string& n) { writer.write_text(n + "type", "I"); });
  const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hsize_t sizes[] = {hsize_t{1} << 30, hsize_t{1} << 30};
  const hid_t space = H5Screate_simple(2, sizes, nullptr);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[] = {1, 64};
  H5Pset_chunk(properties, 2, chunk);
  H5Dclose(H5Dcreate2(id, "/node/nodes/n/r", H5T_IEEE_F64LE, space, H5P_DEFAULT, properties,
                      H5P_DEFAULT));
  H5Pclose(properties);
  H5Sclose(space);
  H5Fclose(id);
  CHECK(refusal(file) == file.string() + ": /node/nodes/n/r: has more than 134217728 elements");

  write_nir(file, NirGraph{});
  const hid_t again = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  H5Lcreate_hard(again, "/node", again, "/node/nodes/self", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(again);
  CHECK(refusal(file).find("subgraphs are nested deeper than 16") != std::string::npos);
}

TEST_CASE("a graph that cannot be written is refused, and leaves no file") {
  const TemporaryFolder folder;
  NirGraph graph = with_node(NirI{ones(1)});
  graph.edges = {{"n", "m"}};
  CHECK(message_of([&] { write_nir(folder / "a.nir", graph); }) ==
        (folder / "a.nir").string() + ": /node/edges: edge ('n', 'm'): no node 'm'");
  graph.edges = {{"n", "n"}, {"n", "n"}};
  CHECK(refusal(graph) == "/node/edges: edge ('n', 'n') is there twice");
  graph.edges.clear();
  graph.nodes.push_back(graph.nodes[0]);
  CHECK(refusal(graph) == "/node/nodes/n: two nodes have this name");
  for (const char* name : {"", ".", "a/b"}) {
    graph.nodes = {{name, NirI{ones(1)}, {}}};
    CHECK(thrown([&] { write_nir(folder / "a.nir", graph); })->kind() == ErrorKind::config);
  }
  graph.nodes = {{"n", NirGraph{}, {{"key", NirTexts{{}, {"text"}}}}}};
  CHECK(refusal(graph) == "/node/nodes/n: the metadata of a subgraph belong into the graph");
  NirConv2d conv;
  conv.weight = array_of({1, 1, 1, 1}, {1});
  conv.bias = ones(1);
  CHECK(message_of([&] { write_nir(folder / "a.nir", with_node(conv)); }) ==
        (folder / "a.nir").string() +
            ": /node/nodes/n: has no input_shape, without which the package cannot read it");
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("extents that do not fit each other, and values that their type cannot hold") {
  NirLif lif{ones(2), ones(2), ones(2), ones(3), ones(2)};
  CHECK(refusal(with_node(lif)) == "/node/nodes/n/v_threshold: expected shape [2], got [3]");
  NirCubaLif cuba = cuba_lif(2);
  cuba.w_in = ones(3);
  CHECK(refusal(with_node(cuba)) == "/node/nodes/n/w_in: expected shape [2], got [3]");
  CHECK(refusal(with_node(NirLinear{ones(4)})) ==
        "/node/nodes/n/weight: expected 2 or more dimensions, none empty, got shape [4]");
  CHECK(refusal(with_node(NirAffine{array_of({2, 1}, {1, 1}), ones(1)})) ==
        "/node/nodes/n/bias: expected shape [2], got [1]");
  NirConv2d conv;
  conv.weight = array_of({3, 1, 1, 1}, {1, 1, 1});
  conv.bias = ones(3);
  conv.groups = 2;
  CHECK(refusal(with_node(conv)) ==
        "/node/nodes/n/groups: 2 groups do not divide 3 output channels");
  conv.groups = 1;
  conv.stride = {1, 0};
  CHECK(refusal(with_node(conv)) == "/node/nodes/n/stride: expected 1..2147483647, got 0");
  CHECK(refusal(with_node(NirSumPool2d{{0, 1}, {1, 1}, {0, 0}})) ==
        "/node/nodes/n/kernel_size: expected 1..2147483647, got 0");
  CHECK(refusal(with_node(NirI{array_of({3}, {1.0})})) ==
        "/node/nodes/n/r: shape [3] does not match 1 values");
  CHECK(refusal(with_node(NirI{array_of({1}, {0.1}, NirElement::float32)})) ==
        "/node/nodes/n/r: element 0 is 0.1, which its element type cannot hold");
  CHECK(refusal(with_node(NirI{array_of({1}, {0.5}, NirElement::int64)})) ==
        "/node/nodes/n/r: element 0 is 0.5, which its element type cannot hold");
}

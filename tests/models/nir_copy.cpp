// Reads a NIR file and writes it again, for tools/nir_roundtrip.py:
//   nir_copy IN OUT          copies
//   nir_copy --example OUT   writes a graph with every node type
#include <exception>
#include <iostream>
#include <string>

#include <neurojoule/models/nir_file.hpp>

#include "nir_example.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: nir_copy IN OUT | nir_copy --example OUT\n";
    return 2;
  }
  try {
    const std::string in = argv[1];
    nj::write_nir(argv[2],
                  in == "--example" ? nj::nir_example::every_node_type() : nj::read_nir(in));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}

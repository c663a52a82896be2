// A user's program: one call into each room, with the installed chip and prices.
#include <cstdio>
#include <filesystem>

#include <neurojoule/core/error.hpp>
#include <neurojoule/datasets/dvs_camera.hpp>
#include <neurojoule/energy/price_table.hpp>
#include <neurojoule/hardware/chip.hpp>
#include <neurojoule/models/family.hpp>
#include <neurojoule/search/problem.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path share = argv[1];
  try {
    const auto network = nj::build_network(nj::FamilyParameters{});
    const auto camera = nj::log_intensity_table(0.1);
    const auto chip = nj::load_chip(share / "chips" / "mesh45.yaml");
    const auto prices = nj::load_price_table(share / "tables" / "horowitz45.yaml");
    const nj::SearchSpace space{{3, 7}};
    std::printf("%zu layers, %zu cores, %zu prices, black %d, %d candidates\n", network.size(),
                chip.cores().size(), prices.entries.size(), camera[0],
                static_cast<int>(space.size()));
  } catch (const nj::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

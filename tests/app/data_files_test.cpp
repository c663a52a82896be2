#include <doctest/doctest.h>

#include <neurojoule/app/data_files.hpp>
#include <neurojoule/energy/price_table.hpp>
#include <neurojoule/hardware/chip.hpp>

#include "support/thrown.hpp"

using namespace nj;

TEST_CASE("a bare name is a shipped file, anything else a path beside the scenario") {
  CHECK(find_data_file(DataKind::chip, "mesh45", "dir").stem() == "mesh45");
  CHECK(find_data_file(DataKind::chip, "./mesh45.yaml", "dir") == "dir/./mesh45.yaml");
  CHECK(find_data_file(DataKind::price_table, "mine.yaml", "dir") == "dir/mine.yaml");
  CHECK(nj::testing::message_of([] {
          find_data_file(DataKind::chip, "mesh54", ".");
        }).starts_with("no shipped chip is named 'mesh54', did you mean 'mesh45'?; shipped are "));
}

TEST_CASE("every shipped chip and price table is valid") {
  CHECK(shipped_names(DataKind::chip).size() >= 2);
  for (const std::string& name : shipped_names(DataKind::chip)) {
    CHECK(load_chip(find_data_file(DataKind::chip, name, ".")).spec().name == name);
  }
  for (const std::string& name : shipped_names(DataKind::price_table)) {
    CHECK(load_price_table(find_data_file(DataKind::price_table, name, ".")).name == name);
  }
}

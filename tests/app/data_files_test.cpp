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

TEST_CASE("a price table of the user may build on a shipped one by its name") {
  const PriceTable table = parse_price_table("name: mine\nbase: horowitz45\nentries: []\n",
                                             "elsewhere/mine.yaml", find_price_table);
  CHECK(full_name(table) == "mine, on horowitz45");
  CHECK(
      nj::testing::message_of([] {
        parse_price_table("name: mine\nbase: horowitz54\nentries: []\n", "mine.yaml",
                          find_price_table);
      })
          .starts_with("mine.yaml:2:1: base: no shipped price table is named 'horowitz54', did you "
                       "mean 'horowitz45'?"));
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

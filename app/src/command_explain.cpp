#include <fmt/format.h>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/stored_run.hpp"

#include "commands.hpp"

namespace nj {

int ExplainCommand::execute() const {
  const std::string text = checked_input([&] {
    const StoredRun stored = load_run(run);
    const PriceTable table =
        load_price_table(find_price_table(stored.prices, run), find_price_table);
    return explanation(stored, table, layer);
  });
  fmt::print("{}", text);
  return exit_done;
}

}  // namespace nj

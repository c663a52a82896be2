#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/core/action_counts.hpp"
#include "neurojoule/core/quantity.hpp"
#include "neurojoule/energy/ledger.hpp"
#include "neurojoule/energy/machine_description.hpp"
#include "neurojoule/hardware/chip.hpp"

// Finished runs, read back from their folders: what the chip did, priced again or compared.
namespace nj {

/// What a run left in its folder: result.json, activity.csv, ledger.csv, chip.resolved.yaml and
/// scenario.resolved.yaml.
struct StoredRun {
  std::filesystem::path folder;
  std::string name;
  std::string scenario_hash;
  std::string chip;
  std::uint64_t samples = 0;       ///< simulated on the chip
  Picoseconds latency;             ///< mean of one inference
  std::optional<double> accuracy;  ///< 0..1
  double effective_bits = 0;
  std::vector<std::string> layers;  ///< by LayerId
  /// By name of a weighted layer, add, head or input: itself, its neurons and its pooling.
  std::map<std::string, std::vector<std::string>> parts;
  ActionCounts actions;  ///< of all samples
  Ledger ledger;         ///< as priced by the run
  ChipSpec chip_spec;
  MachineDescription machine;
  std::string prices;  ///< the table that the scenario names: a shipped name, or a file
};

/// Reads the folder of a finished run on a chip.
/// Throws: Error(io) when a file is missing (a run that did not finish has no result.json),
/// Error(format) with file and line, or byte, when one is not what a run writes or has lost a part:
/// each row is count x unit price, and their sum is the total of result.json. Error(config) when
/// the run had no chip.
StoredRun load_run(const std::filesystem::path& folder);

/// What if the same chip were made, or clocked, otherwise.
struct OtherConditions {
  std::optional<Nanometres> node{};
  std::optional<Volts> voltage{};
  double clock = 1;  ///< all its times are so many times shorter, so that it leaks for less long
};

/// What the run's counts cost at other prices; with another node or voltage these are carried over
/// to it (ProcessMismatch::scale). Throws: as price.
Ledger reprice(const StoredRun& run, const PriceTable& table, ProcessMismatch mismatch,
               const OtherConditions& other = {});

/// A ledger as ledger.csv; `layers` by LayerId.
std::string ledger_csv(const Ledger& ledger, std::span<const std::string> layers);

/// One run under several price tables: energy per inference by category, and in all against the
/// first. All ledgers are of the run's counts.
std::string price_comparison(const StoredRun& run, std::span<const Ledger> ledgers);

/// Every number of the run, or of one layer, so that it can be redone with a calculator: by
/// category, each thing counted with the definition of its count, how its price comes about, and
/// the source. `layer` is a layer's name, or the start of several up to a dot (`block.0.attn`), or
/// `chip` for what was done for no layer; empty for the whole run, where rows of all layers are
/// added up. `table` is what priced the run; where it gives other prices now, the text says so.
/// Throws: Error(config) when the run has no such layer, with the nearest name.
std::string explanation(const StoredRun& run, const PriceTable& table, const std::string& layer);

/// Several runs side by side, energies per inference: totals, categories, and layers of the same
/// name, each with its ratio to the first run.
std::string run_comparison(std::span<const StoredRun> runs);

}  // namespace nj

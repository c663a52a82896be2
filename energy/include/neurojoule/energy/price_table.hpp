#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "neurojoule/core/action_counts.hpp"
#include "neurojoule/core/base_files.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/core/quantity.hpp"
#include "neurojoule/energy/machine_description.hpp"

namespace nj {

/// Where a joule goes; every priced thing is in exactly one category.
enum class Category : std::uint8_t {
  compute,        ///< arithmetic, comparison and logic
  weight_memory,  ///< reading and writing weights on the chip
  state_memory,   ///< accumulators and membranes
  spike_buffers,  ///< spikes stored between layers and time steps
  interconnect,   ///< routers and links
  off_chip,       ///< external memory
  static_power,   ///< leakage, `static` in files
  control         ///< synchronisation
};
inline constexpr std::array<Category, 8> all_categories{
    Category::compute,       Category::weight_memory, Category::state_memory,
    Category::spike_buffers, Category::interconnect,  Category::off_chip,
    Category::static_power,  Category::control};
/// The name in files and reports, e.g. `weight_memory`, `static`.
std::string_view to_string(Category category);

/// How a price goes between listed operand widths.
enum class WidthRule : std::uint8_t {
  linear,    ///< a straight line through the two neighbours
  power_law  ///< a straight line through their logarithms: E ~ width^n
};

/// The same energy at every width.
struct FlatPrice {
  Picojoules energy;
};

/// Energies listed by operand width; ascending, never falling.
///
/// Between two widths: by `interpolate`. Below the smallest: proportional to the width (linear), or
/// the first segment's power law. Above the largest: refused, unless `extrapolate` says how the
/// last segment goes on.
struct WidthPrice {
  std::vector<std::pair<std::uint32_t, Picojoules>> points;
  WidthRule interpolate = WidthRule::linear;
  std::optional<WidthRule> extrapolate;
};

/// Energies of a product by the bits of the value and of the weight. Between two listed values: a
/// straight line; beyond them: refused.
struct ProductPrice {
  std::vector<std::pair<std::uint32_t, WidthPrice>> by_value;  ///< ascending
};

/// Energy of one access to a memory of capacity C with words of w bits: the point of that capacity
/// and word where there is one, else the formula, with c = C / reference:
///
///     E = base_pj c^base_exponent + base_offset_pj
///         + w (bit_pj c^bit_exponent + bit_offset_pj + row_pj array_rows)
///
/// affine in the word width, a power law in the capacity, and steps where the array gets more rows.
/// Refused outside the fitted ranges, unless `extrapolate`.
struct SramPrice {
  Bits reference;
  double base_pj = 0, base_exponent = 0, base_offset_pj = 0;
  double bit_pj = 0, bit_exponent = 0, bit_offset_pj = 0;
  double row_pj = 0;           ///< 0 where rows do not matter
  std::uint64_t max_rows = 0;  ///< rows of the largest array
  Bits narrow_word;            ///< words up to this come from arrays with fewer rows
  std::map<std::pair<Bits, Bits>, std::uint64_t> rows;  ///< of arrays built otherwise
  Bits min_capacity, max_capacity;
  Bits min_word, max_word;
  bool extrapolate = false;
  std::map<std::pair<Bits, Bits>, Picojoules> points;  ///< by (capacity, word)
};

/// Energy of one access to a memory made of registers: proportional to the word, and by the number
/// of words (capacity / word) as listed per bit; between two a straight line, refused outside.
struct RegisterFilePrice {
  std::vector<std::pair<std::uint32_t, Picojoules>>
      per_bit;  ///< by words; ascending, never falling
};

/// Energy proportional to the operand width.
struct BitPrice {
  Picojoules energy;
};

/// Energy of one bit over a link: `per_bit` for the router and `per_bit_mm` for each millimetre.
struct LinkPrice {
  Picojoules per_bit;
  Picojoules per_bit_mm;
  Nanometres length;
};

/// Power of an idle unit: per_kib for each KiB of the capacity that the count names, plus per_unit.
struct LeakagePrice {
  std::optional<Microwatts> per_kib;
  std::optional<Microwatts> per_unit;
};

/// Costs nothing by itself, because the price of another action holds it.
struct IncludedIn {
  std::vector<Action> actions;
};

using Price = std::variant<FlatPrice, WidthPrice, ProductPrice, SramPrice, RegisterFilePrice,
                           BitPrice, LinkPrice, LeakagePrice, IncludedIn>;

/// What one action costs, and who says so.
struct PriceEntry {
  Action action{};
  std::string component;  ///< name, or pattern with `*`; empty for any component
  Price price;
  Category category{};
  std::string source;
  double low = 1.0;   ///< the true price is at least low times this one; 1 when nothing is known
  double high = 1.0;  ///< ... and at most high times this one
  std::uint32_t level = 0;  ///< 0 for the table's own, i for those of PriceTable::bases[i - 1]
  Location location;        ///< where it stands in its file
};

/// What SRAMs cover: listed by word and capacity, the same capacities for all words, and never
/// falling with the capacity.
///
/// Between two capacities, and then between two words: a power law through the neighbours. Beyond
/// the smallest and the largest capacity: in proportion to the bits. Beyond the listed words:
/// refused.
struct SramAreas {
  std::map<Bits, std::map<Bits, SquareMillimetres>> by_word;  ///< then by capacity
  std::string source;
  Location location;
};

/// A named set of prices for one process. Own entries come first, then those of the base.
struct PriceTable {
  std::string name;
  std::vector<std::string> bases;  ///< names of the tables that it builds on, in their order
  std::string file;
  Process process;
  std::vector<PriceEntry> entries;
  std::optional<SramAreas> areas{};  ///< the table's own, else those of its base
};

/// The name as results give it, with the tables that it builds on: `mine, on horowitz45`.
std::string full_name(const PriceTable& table);

/// A file of that folder; `.yaml` may be left out.
std::filesystem::path table_beside(const std::string& name, const std::filesystem::path& directory);

/// Reads a price table and those that it builds on; its form is documented in
/// docs/energy-model.md.
/// Throws: Error(io), or Error(config) with line and column: unknown key or unit, negative price,
/// no source, not exactly one kind of price, two entries for one action and component, an
/// `included_in` that points to nothing priced, a base of another process, bases in a circle, areas
/// that fall or are not complete.
PriceTable load_price_table(const std::filesystem::path& file,
                            const BaseFinder& find = table_beside);
/// The same from text; `name` stands for the file in errors.
PriceTable parse_price_table(std::string_view text, std::string_view name,
                             const BaseFinder& find = table_beside);

/// The entry for a component's action: the table's own before those of its base; among these a
/// literal component before a pattern before none.
/// Throws: Error(config) naming component, action and width when there is none, or when two
/// patterns match.
const PriceEntry& find_entry(const PriceTable& table, const ActionKey& key);

/// Energy of one action by this entry, in the entry's own process; 0 for IncludedIn.
/// Throws: Error(config) at the entry when the width, word or capacity is out of its range, or the
/// machine has no memory of that name.
Picojoules unit_price(const PriceEntry& entry, const ActionKey& key,
                      const MachineDescription& machine);

/// Prices one access of each of the machine's memories that the table has an entry for, reads and
/// (but of synapse memories and axon tables, which no run writes) writes. Whether a run needs a
/// memory without an entry, only the run tells. Throws: as find_entry and unit_price.
void check_memories(const MachineDescription& machine, const PriceTable& table);

/// Energy of one access by the formula of SramPrice, without range checks and points.
Picojoules access_energy(const SramPrice& price, Bits capacity, Bits word);

/// Rows of the array that such a memory has: about twice the side of a square, a power of two,
/// 4 x 2^floor(log2(C) / 2), or of C / 2 for words up to narrow_word; at most C / w and max_rows;
/// what is listed for it instead.
double array_rows(const SramPrice& price, Bits capacity, Bits word);

/// What a memory covers in the table's own process; nothing without a capacity.
/// Throws: Error(config) when the table has no areas or no price for reading the component, or it
/// is made of registers, or its word is out of the range.
SquareMillimetres memory_area(const PriceTable& table, const std::string& component,
                              const MemoryGeometry& memory);

}  // namespace nj

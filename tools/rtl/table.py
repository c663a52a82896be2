#!/usr/bin/env python3
"""Makes energy/tables/nangate45.yaml from the energies of energies.py (README.md).

    table.py nangate45.csv > ../../energy/tables/nangate45.yaml
    table.py nangate45.csv --compare          # with published numbers
    table.py nangate45.csv --registers        # pJ per bit of a register file, by words
"""

import csv
import math
import sys
import textwrap

VOLTAGE, TABLE_VOLTAGE = 1.1, 0.9
SCALE = (TABLE_VOLTAGE / VOLTAGE) ** 2 / 1000  # fJ at 1.1 V to pJ at 0.9 V: C V^2
RANGE_WIDTHS = range(8, 33)  # whose spread `uncertainty` holds
# What others have for a unit, pJ by width: part of `uncertainty`, and of nothing else.
PUBLISHED = {
    "add": {"Horowitz": {8: 0.03, 16: 0.05, 32: 0.1}, "Aladdin, 1 ns": {32: 0.2104},
            "Aladdin, 2 ns": {32: 0.0858}},
    "multiply_square": {"Horowitz": {8: 0.2, 32: 3.1}, "Aladdin, 1 ns": {32: 12.68},
                        "Aladdin, 2 ns": {32: 9.55}},
    "compare": {"Aladdin, 1 ns": {32: 0.02947}},
    "shift": {"You et al.": {8: 0.024}, "Aladdin, 1 ns": {32: 0.417}},
    "decode": {"You et al.": {8: 0.024}, "Aladdin, 1 ns": {32: 0.417}},
    "and": {"Aladdin, 1 ns": {32: 0.01806}},
    "or": {"Aladdin, 1 ns": {32: 0.01806}},
    "register": {"Aladdin, 1 ns": {1: 0.009}},
}
HEADER = """\
# Arithmetic by operand width, from gates: units synthesised to the Nangate 45 nm Open Cell Library
# (typical corner, 1.1 V, 25 C) and simulated gate by gate with their delays, so with glitches, on
# random operands; brought to 0.9 V by C V^2. Made by tools/rtl/table.py from tools/rtl/nangate45.csv,
# which tools/rtl/energies.py computes: its README says how, and what is left out. Not fitted to
# anything. Memories, network and all else are those of horowitz45.
# uncertainty: from other synthesis, wires and operands to what Horowitz (ISSCC 2014), You et al.
# (NeurIPS 2020) and Aladdin (ISCA 2014, 40 nm, 1 and 2 ns) have for the unit.
name: nangate45
base: horowitz45
technology: {node: 45 nm, voltage: 0.9 V}

entries:"""


class Energies:
    def __init__(self, path):
        with open(path, encoding="utf-8", newline="") as file:
            lines = [line for line in file if not line.startswith("#")]
        self.rows = {}
        for row in csv.DictReader(lines):
            unit, value_bits, width = row["unit"], int(row["value_bits"]), int(row["width"])
            if unit == "read_port":  # by words
                width = value_bits
            of_values = unit in ("decode", "multiply", "shift_add")
            self.rows.setdefault((unit, value_bits if of_values else None), {})[width] = row

    def by_width(self, unit, value_bits=None):
        """pJ by width; a wider unit that needs less does a narrower one's work."""
        result, least = {}, math.inf
        for width, row in sorted(self.rows[unit, value_bits].items(), reverse=True):
            least = min(least, (float(row["nets_fj"]) + float(row["cells_fj"])) * SCALE)
            result[width] = least
        return dict(sorted(result.items()))

    def products(self):
        """pJ by value and width; a unit of wider operands that needs less does the work as well."""
        rows, least = {}, {}
        for value_bits in sorted((bits for unit, bits in self.rows if unit == "multiply"),
                                 reverse=True):
            least = {width: min(energy, least.get(width, math.inf))
                     for width, energy in self.by_width("multiply", value_bits).items()}
            rows[value_bits] = least
        return dict(sorted(rows.items()))

    def register(self):
        """pJ of writing one bit that changes half of the time."""
        row, = self.rows["register", None].values()
        return (float(row["nets_fj"]) + float(row["cells_fj"]) / 2) * SCALE

    def prices(self, unit, value_bits=None):
        return {1: self.register()} if unit == "register" else self.by_width(unit, value_bits)

    def register_file(self):
        """pJ per bit of a word (read, written) by words; data pins of all words see what is written."""
        idle, = self.rows["register_idle", None].values()
        pin = (float(idle["nets_fj"]) + float(idle["cells_fj"])) / 2 * SCALE
        return {words: (energy / 8, self.register() + pin * (words - 1))
                for words, energy in self.by_width("read_port").items()}

    def uncertainty(self, unit, value_bits=None):
        """Factors between which the other variants, and the published numbers, lie."""
        factors = [1.0]
        for width, price in self.prices(unit, value_bits).items():
            factors += [points[width] / price for points in PUBLISHED[unit].values()
                        if width in points]
            row = self.rows[unit, value_bits][width]
            if width in RANGE_WIDTHS:
                factors += [float(row[name]) * SCALE / price for name in
                            ("zero_delay_fj", "small_operands_fj", "long_wires_fj", "fastest_fj")]
        return math.floor(min(factors) * 100) / 100, math.ceil(max(factors) * 100) / 100


def with_register(energies, adds):
    """The range of a sum with its register."""
    register = energies.register()
    ranges = zip(energies.uncertainty("add"), energies.uncertainty("register"))
    return [choose((e * of_add + w * register * of_register) / (e + w * register)
                   for w, e in adds.items())
            for (of_add, of_register), choose in zip(ranges, (min, max))]


def points(prices, start="    by_width: "):
    lines = [f"{width}: {price:.4g} pJ" for width, price in prices.items()]
    rows = [", ".join(lines[i:i + 5]) for i in range(0, len(lines), 5)]
    return start + "{" + (",\n" + " " * (len(start) + 1)).join(rows) + "}"


def entry(actions, price, source, uncertainty, component=None):
    low, high = uncertainty
    print(f"  - action: {actions}")
    if component:
        print(f"    component: {component}")
    print("    category: " + ("interconnect" if "packet" in actions else "compute"))
    print(price)
    print("\n".join(textwrap.wrap(f'source: "{source}"', 96, initial_indent=" " * 4,
                                  subsequent_indent=" " * 6)))
    print(f"    uncertainty: [{low:.2g}, {high:.3g}]")


def compare(energies):
    for unit, sources in PUBLISHED.items():
        prices = energies.prices(unit, 1 if unit == "decode" else None)
        for source, numbers in sources.items():
            for width, published in numbers.items():
                print(f"{unit:16} {width:3} {prices[width]:8.4f} pJ  {source:14} {published:8.4f} pJ"
                      f"  {prices[width] / published:.2f}")


def table(energies):
    gates = "gate-level simulation, Nangate 45 nm at 1.1 V, x 0.669 for 0.9 V (tools/rtl)"
    register = energies.register()
    print(HEADER)
    adds = energies.by_width("add")
    entry("accumulate", points(adds), f"signed addition, {gates}", energies.uncertainty("add"))
    entry("accumulate", points({w: e + w * register for w, e in adds.items()}),
          f"signed addition and the register that keeps the sum, {gates}",
          with_register(energies, adds), '"*.pe"  # of an array')
    products = [points(prices, f"      {value_bits}: ")
                for value_bits, prices in energies.products().items()]
    entry("multiply", "\n".join(["    by_value_and_width:", *products]),
          f"signed weight times unsigned value, {gates}",
          energies.uncertainty("multiply_square"))
    entry("shift", points(energies.by_width("decode", 1)),
          f"power-of-two weight decoded for a spike, {gates}",
          energies.uncertainty("decode", 1))
    entry("shift", points(energies.by_width("shift")),
          f"arithmetic right shift by any distance, {gates}", energies.uncertainty("shift"),
          '"*.neuron_unit"  # the leak; a fixed one is wires only')
    entry("compare", points(energies.by_width("compare")), f"signed comparison, {gates}",
          energies.uncertainty("compare"))
    for operator in ("and", "or"):
        entry(f"{operator}_bit", f"    per_bit: {energies.by_width(operator)[32] / 32:.4g} pJ",
              f"32 gates, {gates}", energies.uncertainty(operator))
    entry("[packet_inject, packet_deliver]", f"    per_bit: {register:.4g} pJ",
          f"assumption: one register write per flit bit; the register by the cell's tables, Nangate "
          f"45 nm at 1.1 V, x 0.669 for 0.9 V (tools/rtl); core logic is left out",
          (min(0.5, energies.uncertainty("register")[0]), 10))


def main():
    energies = Energies(sys.argv[1])
    if "--compare" in sys.argv:
        compare(energies)
    elif "--registers" in sys.argv:
        for words, (read, write) in energies.register_file().items():
            print(f"{words:3} words: read {read:.4g} pJ, write {write:.4g} pJ")
    else:
        table(energies)


if __name__ == "__main__":
    main()

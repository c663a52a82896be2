#!/usr/bin/env python3
"""Checks of the parts, on a library of two cells with energies worked out by hand: no PDK, no yosys.

    python test_rtl.py
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import liberty
import netlist
import simulate
import units

HERE = Path(__file__).parent


def table(name, value):
    return (f'{name}(T) {{ index_1 ("0.01,0.1"); index_2 ("1,10"); '
            f'values ("{value},{value}", "{value},{value}"); }}')


def output(function, pins, delay, rise, fall):
    """An output whose every arc has this delay (ns) and these energies (fJ)."""
    arcs = "".join(
        f'timing() {{ related_pin : "{pin}"; {table("cell_rise", delay)} {table("cell_fall", delay)}'
        f' {table("rise_transition", 0.02)} {table("fall_transition", 0.02)} }}'
        f'internal_power() {{ related_pin : "{pin}"; {table("rise_power", rise)}'
        f' {table("fall_power", fall)} }}' for pin in pins)
    return f'pin(Z) {{ direction : output; function : "{function}"; {arcs} }}'


def cell(name, function, pins, delay, rise, fall, output_pin="Z"):
    inputs = "".join(f"pin({pin}) {{ direction : input; capacitance : 2.0; }}" for pin in pins)
    text = output(function, pins, delay, rise, fall).replace("(Z)", f"({output_pin})")
    return f"cell({name}) {{ area : 1.0; {inputs} {text} }}"


LIBRARY = ('library(tiny) { /* two cells */ time_unit : "1ns"; voltage_unit : "1V"; '
           'capacitive_load_unit (1,ff); nom_voltage : 1.0; wire_load("w") { capacitance : 0.5; '
           'slope : 3.0; fanout_length(1, 1.0); fanout_length(3, 5.0); }'
           + cell("XOR", "(A ^ B)", "AB", 0.1, 3, 1) + cell("BUF", "A", "A", 0.1, 0, 0)
           + cell("DFF_X1", "D", "D", 0.1, 0, 0, "Q") + "}")


def library():
    with tempfile.NamedTemporaryFile("w", suffix=".lib") as file:
        file.write(LIBRARY)
        file.flush()
        return liberty.Library(file.name)


def module(cells, inputs):
    ports = {name: {"bits": bits} for name, bits in inputs.items()}
    return {"cells": {str(i): {"type": kind, "connections": {p: [n] for p, n in pins.items()}}
                      for i, (kind, pins) in enumerate(cells)}, "ports": ports}


class Energies(unittest.TestCase):
    def test_wire_load(self):
        # Fanout 2 lies half way from 1 to 5 um; 5 is two beyond the last: 5 + 2 x 3 um; 0.5 fF per um.
        self.assertEqual([library().wire_fF("w", n) for n in (1, 2, 5)], [0.5, 1.5, 5.5])
        self.assertEqual(library().wire_fF(None, 2), 0)

    def test_table_is_linear_between_and_beyond(self):
        group = liberty.parse('t() { index_1 ("0,1"); values ("10,20"); }')
        self.assertEqual([liberty.Table(group).at(x) for x in (0.5, 2, -1)], [15, 30, 0])

    def test_one_toggle(self):
        # A goes 0 -> 1 -> 0 before B = 0. Two nets of 2 fF at 1 V, half of C V^2 for each change:
        # A 1 fJ, y 1 fJ. Inside: 3 fJ for the rise, 1 fJ for the fall, 2 in the mean.
        made = netlist.build(module([("XOR", {"A": 2, "B": 3, "Z": 4})],
                                    {"a": [2], "b": [3], "y": [4]}), library(), None)
        for glitches in (True, False):
            self.assertEqual(simulate.simulate(made, {"a": [0, 1, 0], "b": [0, 0, 0]}, [0, 1, 0],
                                               1.0, glitches), (2.0, 2.0))

    def test_glitch(self):
        # y = A ^ delayed A is always 0, but for a pulse as long as the delay of the buffers.
        def energy(buffers, glitches):
            nets = list(range(3, 3 + buffers + 1))
            cells = [("BUF", {"A": a, "Z": z}) for a, z in zip([2] + nets[:-2], nets[:-1])]
            cells.append(("XOR", {"A": 2, "B": nets[-2], "Z": nets[-1]}))
            made = netlist.build(module(cells, {"a": [2], "y": [nets[-1]]}), library(), None)
            return simulate.simulate(made, {"a": [0, 1]}, [0, 0], 1.0, glitches)
        # Two buffers: a: 2 + 2 pins 2 fJ, the two between 1 fJ each, y up and down 2 fJ; inside 3 + 1.
        self.assertEqual(energy(2, True), (6.0, 4.0))
        self.assertEqual(energy(2, False), (4.0, 0.0))

    def test_pulse_shorter_than_the_gate_is_swallowed(self):
        rows = simulate.np.array([[0], [1], [1], [0], [0], [0]], simulate.np.uint64)
        self.assertEqual(simulate.inertial(rows, 3).ravel().tolist(), [0] * 9)
        self.assertEqual(simulate.inertial(rows, 2).ravel().tolist(), [0, 0, 0, 1, 1, 0, 0, 0])

    def test_wrong_result_is_refused(self):
        made = netlist.build(module([("XOR", {"A": 2, "B": 3, "Z": 4})],
                                    {"a": [2], "b": [3], "y": [4]}), library(), None)
        with self.assertRaises(SystemExit):
            simulate.simulate(made, {"a": [0, 1], "b": [0, 0]}, [0, 0], 1.0)

    def test_units_compute_what_they_are_called(self):
        self.assertEqual(units.comparator(4).compute(0b1111, 1), False)  # -1 >= 1
        self.assertEqual(units.barrel_shifter(4).compute(0b1000, 1), -4)
        self.assertEqual(units.decoder(8, 2).compute(3, 1, 2) & 0xFF, 0xF3)  # ~(3 << 2)
        self.assertEqual(units.multiplier(2, 4).compute(3, 0b1000), -24)
        self.assertEqual(units.read_port(4, 8).compute(0x44332211, 2) & 0xFF, 0x33)

    def test_table_from_file(self):
        made = subprocess.run([sys.executable, HERE / "table.py", HERE / "nangate45.csv"],
                              capture_output=True, check=True).stdout
        shipped = HERE.parents[1] / "energy/tables/nangate45.yaml"
        self.assertEqual(made, shipped.read_bytes())


if __name__ == "__main__":
    unittest.main()

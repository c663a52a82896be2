"""From Verilog to mapped gates with loads, slopes and delays: yosys, and static timing."""

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

INPUT_SLEW_NS = 0.02  # of the clock of the registers before and behind a unit
REGISTER = "DFF_X1"
BUFFER, MAX_SINKS = "BUF_X2", 16
# Tristate cells, latches, clock cells, scan cells and fillers do not make arithmetic.
UNUSED = ("TBUF", "TINV", "TLAT", "DL", "CLK", "SDFF", "FILL", "ANTENNA", "LOGIC")


@dataclass
class Gate:
    cell: object
    pins: dict                # pin -> net
    delays: dict = field(default_factory=dict)  # output -> {input: ns}
    slews: dict = field(default_factory=dict)   # output -> ns


@dataclass
class Netlist:
    gates: list               # every gate behind those that drive it
    inputs: dict              # operand -> nets, lowest bit first
    outputs: list             # nets of y
    loads: dict               # net -> fF: pins and wire
    slews: dict               # net -> ns
    delay_ns: float = 0.0     # of the longest path
    area: float = 0.0


# How sums are built: of plain gates with Brent-Kung carries, with the library's full adders in
# trees of products, or with full adders in rippling sums as well.
STRUCTURES = {
    "gates": [],
    "full_adders": ["maccmap", "techmap -map maps.v"],
    "ripple": ["maccmap", "techmap -map maps.v -D RIPPLE"],
}


def synthesize(units, liberty, yosys, structure, period_ps):
    """Maps all units for that clock period; returns yosys' modules by name."""
    unused = " ".join(f"-dont_use {prefix}*" for prefix in UNUSED)
    script = ["read_liberty -lib cells.lib", "read_verilog units.v", "synth -run begin:fine",
              *STRUCTURES[structure], "synth -run fine: -noabc", "opt_clean -purge",
              f"abc -liberty cells.lib {unused} -D {period_ps}", "opt_clean -purge",
              "write_json units.json"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(liberty, folder / "cells.lib")  # yosys in WebAssembly sees one folder only
        shutil.copy(Path(__file__).with_name("maps.v"), folder)
        (folder / "units.v").write_text("".join(unit.verilog() for unit in units))
        (folder / "units.ys").write_text("\n".join(script) + "\n")
        done = subprocess.run([yosys, "-q", "units.ys"], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        return json.loads((folder / "units.json").read_text())["modules"]


def ordered(gates):
    """The gates so that each comes behind those that drive it."""
    driver = {gate.pins[pin]: gate for gate in gates for pin in gate.cell.outputs
              if pin in gate.pins}
    done, result = set(), []
    for first in gates:
        stack = [(first, False)]
        while stack:
            gate, drivers_done = stack.pop()
            if id(gate) in done:
                continue
            if drivers_done:
                done.add(id(gate))
                result.append(gate)
                continue
            stack.append((gate, True))
            stack += [(driver[gate.pins[pin]], False) for pin in gate.cell.inputs
                      if gate.pins[pin] in driver]
    return result


def split_loads(gates, ports, library):
    """Puts buffers behind nets with more than MAX_SINKS readers, as synthesis leaves inputs."""
    readers = {}
    for gate in gates:
        for pin in gate.cell.inputs:
            readers.setdefault(gate.pins[pin], []).append((gate, pin))
    nets = list(readers)
    for net in nets:
        sinks = readers[net]
        if len(sinks) <= MAX_SINKS or net in ports["y"]:
            continue
        groups = -(-len(sinks) // MAX_SINKS)
        buffers = []
        for i in range(groups):
            buffer = Gate(library.cells[BUFFER], {"A": net, "Z": f"{net}.{i}"})
            for gate, pin in sinks[i::groups]:
                gate.pins[pin] = buffer.pins["Z"]
            buffers.append((buffer, "A"))
        gates += [buffer for buffer, _ in buffers]
        readers[net] = buffers
        nets.append(net)  # the buffers may be too many for it as well
    return gates


def build(module, library, wire_model):
    """Gates of one mapped module with what they drive; each output drives a register."""
    gates = [Gate(library.cells[cell["type"]],
                  {pin: bits[0] for pin, bits in cell["connections"].items()})
             for cell in module["cells"].values()]
    ports = {name: port["bits"] for name, port in module["ports"].items()}
    split_loads(gates, ports, library)
    register = library.cells[REGISTER]
    pins = {}
    for gate in gates:
        for pin, capacitance in gate.cell.inputs.items():
            pins.setdefault(gate.pins[pin], []).append(capacitance)
    for net in ports["y"]:
        pins.setdefault(net, []).append(register.inputs["D"])
    loads = {net: sum(driven) + library.wire_fF(wire_model, len(driven))
             for net, driven in pins.items()}
    inputs = {name: bits for name, bits in ports.items() if name != "y"}
    netlist = Netlist(ordered(gates), inputs, ports["y"], loads, {},
                      area=sum(gate.cell.area for gate in gates))
    time_paths(netlist, register)
    return netlist


def mean(values):
    return sum(values) / len(values)


def time_paths(netlist, register):
    """Slopes and delays: means over rise and fall and over the conditions of an arc."""
    arrival = {}
    arcs = register.outputs["Q"].delays
    for nets in netlist.inputs.values():
        for net in nets:
            load = netlist.loads.get(net, 0.0)
            netlist.slews[net] = mean([table.at(INPUT_SLEW_NS, load) for arc in arcs
                                       for table in (arc.rise_slew, arc.fall_slew)])
            arrival[net] = 0.0
    for gate in netlist.gates:
        for pin, output in gate.cell.outputs.items():
            net = gate.pins.get(pin)
            if net is None:
                continue
            load = netlist.loads.get(net, 0.0)
            delays, slews = {}, []
            for arc in output.delays:
                slew = netlist.slews.get(gate.pins[arc.pin], INPUT_SLEW_NS)
                delays.setdefault(arc.pin, []).extend(
                    [arc.rise.at(slew, load), arc.fall.at(slew, load)])
                slews += [arc.rise_slew.at(slew, load), arc.fall_slew.at(slew, load)]
            gate.delays[pin] = {name: mean(values) for name, values in delays.items()}
            gate.slews[pin] = netlist.slews[net] = mean(slews)
            arrival[net] = max(arrival.get(gate.pins[name], 0.0) + delay
                               for name, delay in gate.delays[pin].items())
    netlist.delay_ns = max(arrival.get(net, 0.0) for net in netlist.outputs)

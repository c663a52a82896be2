"""What a mapped unit switches, gate by gate, for many pairs of operands at once.

Bit j of every word belongs to the step from operand set j to j + 1. A net is a matrix of words,
one row per time step of STEP_NS from its first possible change on. A gate's output follows its
function after the delays of its pins, and swallows pulses shorter than its fastest pin's delay
(inertial delay), so that glitches are what the library's delays make of them.
"""

import numpy as np

STEP_NS = 0.002
CAUSE_WORDS = 4  # of 64 steps each, of which is counted what made an output change


def pack(bits):
    """Bits, given as Python ints 0 or 1, in words of 64."""
    data = np.packbits(np.array(bits, dtype=np.uint8), bitorder="little")
    return np.pad(data, (0, -len(data) % 8)).view("<u8")


def count(words):
    return int(np.bitwise_count(words).sum())


class Wave:
    """Rows from time step `start` on: before it the first row holds, behind its end the last."""

    def __init__(self, start, rows):
        self.start, self.rows = start, rows

    @property
    def end(self):
        return self.start + len(self.rows) - 1

    def trimmed(self):
        """The same without the rows at its ends in which nothing changes."""
        changes = np.flatnonzero((self.rows[1:] != self.rows[:-1]).any(axis=1))
        if len(changes) == 0:
            return Wave(self.start, self.rows[:1])
        return Wave(self.start + int(changes[0]), self.rows[changes[0]:changes[-1] + 2])

    def window(self, start, end, later=0):
        """Rows of the steps start..end of the wave `later` steps later."""
        index = np.clip(np.arange(start, end + 1) - later - self.start, 0, len(self.rows) - 1)
        return self.rows[index]

    def toggles(self):
        """(rises, falls)."""
        changed = self.rows[1:] ^ self.rows[:-1]
        return count(changed & self.rows[1:]), count(changed & self.rows[:-1])


def inertial(rows, steps):
    """The rows `steps` later; what lasts for fewer steps never comes out."""
    rows = np.concatenate([rows, np.repeat(rows[-1:], steps, axis=0)])
    out = np.concatenate([np.repeat(rows[:1], steps, axis=0), rows[:-steps]])
    if steps == 1:
        return out
    unstable = np.zeros_like(rows)  # something changed in the steps - 1 before this one
    unstable[2:] = rows[1:-1] ^ rows[:-2]
    covered = 1
    while covered < steps - 1:
        shift = min(covered, steps - 1 - covered)
        unstable[shift:] |= unstable[:-shift].copy()
        covered += shift
    for t in range(1, len(out)):
        out[t] ^= unstable[t] & (out[t] ^ out[t - 1])
    return out


def arc_energy(arcs, pins, value, netlist, gate, load):
    """Mean internal energy, fJ, of a (rise, fall) of an output by the inputs that caused it."""
    value = value[:, :CAUSE_WORDS]
    pins = {pin: rows[:, :CAUSE_WORDS] for pin, rows in pins.items()}
    changed = value[1:] ^ value[:-1]
    sums = [[0, 0.0, 0.0], [0, 0.0, 0.0]]  # caused, energy x caused, energy
    now = {pin: rows[1:] for pin, rows in pins.items()}
    for arc in arcs:
        cause = changed & (pins[arc.pin][1:] ^ pins[arc.pin][:-1])
        if arc.when is not None:
            cause = cause & eval(arc.when, {}, now)
        slew = netlist.slews.get(gate.pins[arc.pin], 0.0)
        for total, table, after in zip(sums, (arc.rise, arc.fall), (value[1:], ~value[1:])):
            energy, caused = table.at(slew, load), count(cause & after)
            total[0] += caused
            total[1] += energy * caused
            total[2] += energy
    return [weighted / caused if caused else plain / len(arcs) for caused, weighted, plain in sums]


def run_gate(gate, pin, netlist, waves, glitches):
    """The wave of one output, and its internal energy in fJ."""
    output = gate.cell.outputs[pin]
    steps = {name: max(1, round(delay / STEP_NS)) if glitches else 0
             for name, delay in gate.delays[pin].items()}
    fastest = min(steps.values())
    at = {name: waves[gate.pins[name]] for name in steps}
    start = min(at[name].start + steps[name] - fastest for name in steps)
    end = max(at[name].end + steps[name] - fastest for name in steps)
    pins = {name: wave.window(start, end, steps[name] - fastest) for name, wave in at.items()}
    value = eval(output.function, {}, pins)
    wave = Wave(start, inertial(value, fastest) if glitches else value).trimmed()
    load = netlist.loads.get(gate.pins[pin], 0.0)
    energies = arc_energy(output.powers, pins, value, netlist, gate, load)
    return wave, sum(n * energy for n, energy in zip(wave.toggles(), energies))


def readers(netlist):
    left = {}
    for gate in netlist.gates:
        for pin in gate.cell.inputs:
            left[gate.pins[pin]] = left.get(gate.pins[pin], 0) + len(gate.cell.outputs)
    for net in netlist.outputs:
        left[net] = left.get(net, 0) + 1
    return left


def simulate(netlist, operands, results, voltage, glitches=True):
    """Mean energy of one operation in fJ: (of nets, inside cells); checks every result."""
    vectors = len(next(iter(operands.values())))
    words = (vectors - 1 + 63) // 64
    waves = {"0": Wave(0, np.zeros((1, words), np.uint64)),
             "1": Wave(0, np.full((1, words), ~np.uint64(0)))}
    for name, nets in netlist.inputs.items():
        for i, net in enumerate(nets):
            bits = [value >> i & 1 for value in operands[name]]
            waves[net] = Wave(0, np.stack([pack(bits[:-1]), pack(bits[1:])]))
    left = readers(netlist)
    half_v2 = voltage * voltage / 2
    of_nets = inside = 0.0
    for net, wave in waves.items():
        of_nets += sum(wave.toggles()) * half_v2 * netlist.loads.get(net, 0.0)
    for gate in netlist.gates:
        for pin in gate.cell.outputs:
            if pin not in gate.pins:
                continue
            wave, energy = run_gate(gate, pin, netlist, waves, glitches)
            waves[gate.pins[pin]] = wave
            inside += energy
            of_nets += sum(wave.toggles()) * half_v2 * netlist.loads.get(gate.pins[pin], 0.0)
        for pin in gate.cell.inputs:
            left[gate.pins[pin]] -= len(gate.cell.outputs)
            if left[gate.pins[pin]] == 0:
                del waves[gate.pins[pin]]
    for i, net in enumerate(netlist.outputs):
        bits = [value >> i & 1 for value in results]
        rows = waves[net].rows
        if (rows[0] != pack(bits[:-1])).any() or (rows[-1] != pack(bits[1:])).any():
            raise SystemExit(f"bit {i} of y is not what the unit should compute")
    return of_nets / (vectors - 1), inside / (vectors - 1)

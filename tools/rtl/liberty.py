"""Reads what energy needs from a Liberty file: pins, functions, delays and internal power."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

TOKEN = re.compile(r'"[^"]*"|[(){};:,]|[^\s(){};:,"]+')


@dataclass
class Group:
    """`name (args) { attributes; groups }`; an attribute is a list of its values,
    of all its lines where it is repeated."""
    name: str
    args: list
    attributes: dict = field(default_factory=dict)
    groups: list = field(default_factory=list)

    def all(self, name):
        return [group for group in self.groups if group.name == name]

    def text(self, key, default=None):
        return self.attributes[key][0] if key in self.attributes else default

    def number(self, key, default=None):
        return float(self.text(key, default))


def parse(text):
    """The library group of a Liberty file."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S).replace("\\\n", " ")
    tokens = [token.strip('"') if token[0] == '"' else token for token in TOKEN.findall(text)]
    top = Group("", [])
    stack = [top]
    at = 0
    while at < len(tokens):
        if tokens[at] == "}":
            stack.pop()
            at += 1
        elif tokens[at] == ";":
            at += 1
        elif tokens[at + 1] == ":":
            end = at + 2
            while tokens[end] not in (";", "}"):
                end += 1
            stack[-1].attributes[tokens[at]] = [" ".join(tokens[at + 2:end])]
            at = end
        elif tokens[at + 1] == "(":
            end = tokens.index(")", at)
            values = [token for token in tokens[at + 2:end] if token != ","]
            if end + 1 < len(tokens) and tokens[end + 1] == "{":
                stack[-1].groups.append(Group(tokens[at], values))
                stack.append(stack[-1].groups[-1])
                end += 1
            else:
                stack[-1].attributes.setdefault(tokens[at], []).extend(values)
            at = end + 1
        else:
            raise ValueError(f"unexpected {tokens[at]!r} {tokens[at + 1]!r}")
    return top.groups[0]


def numbers(values):
    return [float(part) for value in values for part in value.replace(",", " ").split()]


class Table:
    """Values by one or two indices; linear between points and beyond the outermost."""

    def __init__(self, group):
        self.axes = [numbers(group.attributes[key])
                     for key in ("index_1", "index_2") if key in group.attributes]
        self.values = numbers(group.attributes["values"])

    def at(self, *where):
        points = [(0, 1.0)]  # (index into values, weight)
        for axis, x in zip(self.axes, where):
            i = min(max(bisect_right(axis, x) - 1, 0), len(axis) - 2)
            share = (x - axis[i]) / (axis[i + 1] - axis[i])
            points = [(n * len(axis) + i + side, weight * (share if side else 1 - share))
                      for n, weight in points for side in (0, 1)]
        return sum(self.values[n] * weight for n, weight in points)


def function_of(text):
    """A Liberty Boolean function as compiled Python on bits or words of bits.

    Liberty's `^` binds tighter than `&`, Python's does not: both write the parentheses here.
    """
    if re.search(r"\^[^()]*[&|*+]|[&|*+][^()]*\^", text):
        raise ValueError(f"parentheses are missing around ^: {text}")
    return compile(text.replace("!", "~").replace("*", "&").replace("+", "|"), text, "eval")


@dataclass
class Arc:
    """Something that depends on the input `pin` while `when` holds: rise and fall tables."""
    pin: str
    when: object
    rise: Table
    fall: Table
    rise_slew: Table = None
    fall_slew: Table = None


@dataclass
class Output:
    function: object
    delays: list
    powers: list


@dataclass
class Cell:
    name: str
    area: float
    inputs: dict   # pin -> capacitance, fF
    outputs: dict  # pin -> Output
    hidden: dict   # input pin -> Arcs of energy that no output pays


def read_arcs(pin, kind, rise, fall, slews=()):
    arcs = []
    for group in pin.all(kind):
        tables = {sub.name: Table(sub) for sub in group.groups}
        if rise not in tables or fall not in tables:
            continue
        when = group.text("when")
        arcs.append(Arc(group.text("related_pin"), function_of(when) if when else None,
                        tables[rise], tables[fall], *(tables[name] for name in slews)))
    return arcs


def read_cell(group):
    inputs, outputs, hidden = {}, {}, {}
    for pin in group.all("pin"):
        name = pin.args[0]
        if pin.text("direction") == "input":
            inputs[name] = pin.number("capacitance")
            hidden[name] = read_arcs(pin, "internal_power", "rise_power", "fall_power")
        elif pin.text("function"):
            delays = read_arcs(pin, "timing", "cell_rise", "cell_fall",
                               ("rise_transition", "fall_transition"))
            powers = read_arcs(pin, "internal_power", "rise_power", "fall_power")
            outputs[name] = Output(function_of(pin.text("function")), delays, powers)
    return Cell(group.args[0], group.number("area"), inputs, outputs, hidden)


class Library:
    """Cells in fF, ns, fJ (an internal power times fF V^2) and V."""

    def __init__(self, path):
        with open(path, encoding="latin-1") as file:
            library = parse(file.read())
        if library.attributes["capacitive_load_unit"] != ["1", "ff"] or \
                library.text("time_unit") != "1ns" or library.text("voltage_unit") != "1V":
            raise SystemExit(f"{path}: expected units of 1 ff, 1 ns and 1 V")
        self.name = library.args[0]
        self.voltage = library.number("nom_voltage")
        self.cells = {cell.args[0]: read_cell(cell) for cell in library.all("cell")}
        self.wire_loads = {wires.args[0]: wires for wires in library.all("wire_load")}

    def wire_fF(self, model, fanout):
        """Capacitance of a net by a wire load model of the library; 0 for no model."""
        if model is None or fanout == 0:
            return 0.0
        wires = self.wire_loads[model]
        pairs = numbers(wires.attributes["fanout_length"])
        fanouts, lengths = pairs[0::2], pairs[1::2]
        if fanout > fanouts[-1]:
            length = lengths[-1] + wires.number("slope") * (fanout - fanouts[-1])
        else:
            i = bisect_right(fanouts, fanout) - 1
            length = lengths[i]
            if fanouts[i] < fanout:
                step = (fanout - fanouts[i]) / (fanouts[i + 1] - fanouts[i])
                length += step * (lengths[i + 1] - lengths[i])
        return wires.number("capacitance") * length

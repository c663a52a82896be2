"""The units: their Verilog, what they compute, and the operands that they are given."""

import random
from dataclasses import dataclass
from typing import Callable


def log2_ceil(n):
    return (n - 1).bit_length()


def signed(value, bits):
    """The number that `bits` bits of two's complement stand for."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


@dataclass
class Unit:
    """One circuit: operands {name: bits}, signed where named so, and `y` of so many bits."""
    name: str
    operands: dict
    result_bits: int
    expression: str
    compute: Callable
    signed: tuple = ()
    held: tuple = ()  # operands that never change

    def verilog(self):
        ports = [f"input {'signed ' if name in self.signed else ''}[{bits - 1}:0] {name}"
                 for name, bits in self.operands.items()]
        return (f"module {self.name}({', '.join(ports)}, output [{self.result_bits - 1}:0] y);\n"
                f"  assign y = {self.expression};\nendmodule\n")

    def vectors(self, count, small=False):
        """Independent operands, the same in every run: uniform, or `small` ones.

        Small: signed ones from a normal distribution with a deviation of 1/16 of their range,
        others from half of one with 1/8. random.Random draws the same numbers in every version.
        """
        source = random.Random(self.name)
        drawn = {}
        for name, bits in self.operands.items():
            if name in self.held:
                drawn[name] = [source.getrandbits(bits)] * count
            elif small and bits > 2:
                drawn[name] = [self.small(source, name, bits) for _ in range(count)]
            else:
                drawn[name] = [source.getrandbits(bits) for _ in range(count)]
        return drawn

    def small(self, source, name, bits):
        if name in self.signed:
            largest = (1 << (bits - 1)) - 1
            value = round(source.gauss(0, 1) * (1 << bits) / 16)
            return max(-largest, min(largest, value)) & ((1 << bits) - 1)
        return min((1 << bits) - 1, round(abs(source.gauss(0, 1)) * (1 << bits) / 8))


def adder(w):
    return Unit(f"add_{w}", {"a": w, "b": w}, w, "a + b", lambda a, b: a + b, ("a", "b"))


def comparator(w):
    return Unit(f"compare_{w}", {"a": w, "b": w}, 1, "a >= b",
                lambda a, b: signed(a, w) >= signed(b, w), ("a", "b"))


def barrel_shifter(w):
    """Arithmetic right shift by a distance of ceil(log2(w)) bits."""
    return Unit(f"shift_{w}", {"a": w, "s": log2_ceil(w)}, w, "a >>> s",
                lambda a, s: signed(a, w) >> s, ("a",))


def decoder(w, a=1):
    """A power-of-two weight (sign, exponent) applied to a value of `a` bits: x << e, inverted for a
    negative weight; the adder behind it takes the sign as its carry."""
    return Unit(f"decode_{a}x{w}", {"x": a, "s": 1, "e": log2_ceil(w)}, w,
                f"{{{w}{{s}}}} ^ ({{{w}'d0, x}} << e)", lambda x, s, e: (x << e) ^ -s)


def shift_accumulator(w, a=1):
    """The same with its adder: c +- (x << e)."""
    return Unit(f"shift_add_{a}x{w}", {"c": w, "x": a, "s": 1, "e": log2_ceil(w)}, w,
                f"c + ({{{w}{{s}}}} ^ ({{{w}'d0, x}} << e)) + s",
                lambda c, x, s, e: c - (x << e) if s else c + (x << e))


def multiplier(a, w):
    """An unsigned value of `a` bits times a signed weight of `w`."""
    return Unit(f"multiply_{a}x{w}", {"x": a, "k": w}, a + w, "$signed({1'b0, x}) * k",
                lambda x, k: x * signed(k, w), ("k",))


def bitwise(operator, w):
    name = {"&": "and", "|": "or"}[operator]
    compute = (lambda a, b: a & b) if operator == "&" else (lambda a, b: a | b)
    return Unit(f"{name}_{w}", {"a": w, "b": w}, w, f"a {operator} b", compute)


def read_port(words, w):
    """One word of a register file: its words stay, the address changes."""
    return Unit(f"read_{words}x{w}", {"d": words * w, "s": log2_ceil(words)}, w,
                f"d >> (s * {w})", lambda d, s: d >> (s * w), held=("d",))

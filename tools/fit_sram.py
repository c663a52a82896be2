#!/usr/bin/env python3
"""Fit the SRAM formula of the price tables to a CACTI sweep.

    tools/fit_sram.py SWEEP [--cell itrs-lstp] [--node 0.045]

SWEEP has one memory per line: cell tech_um size_bytes word_bits access_ns read_nJ write_nJ leak_mW.
The formula is the one of `sram:` entries (docs/energy-model.md), with c = capacity / 8 KiB:

    E = base_pj c^base_exponent + base_offset_pj + w (bit_pj c^bit_exponent + bit_offset_pj)

The six coefficients minimise the largest relative error over all points (Nelder-Mead from a fixed
start, so every run prints the same), rounded to four digits before the errors are taken. Leakage is
the geometric mean of leakage per KiB over the memories of at least 4 KiB.
"""

import argparse
import math

REFERENCE_BYTES = 8192
KEYS = ("base_pj", "base_exponent", "base_offset_pj", "bit_pj", "bit_exponent", "bit_offset_pj")


def read_sweep(path, cell, node_um):
    """Rows (capacity / reference, word bits, read pJ, write pJ, leakage uW) of one cell and node."""
    rows = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = line.split("#")[0].split()
            if len(fields) != 8 or fields[0] != cell or float(fields[1]) != node_um:
                continue
            size, word, read_nj, write_nj, leak_mw = (float(fields[i]) for i in (2, 3, 5, 6, 7))
            rows.append((size / REFERENCE_BYTES, word, read_nj * 1e3, write_nj * 1e3, leak_mw * 1e3))
    if not rows:
        raise SystemExit(f"{path}: no rows for cell {cell} at {node_um} um")
    return rows


def formula(x, c, w):
    return x[0] * c ** x[1] + x[2] + w * (x[3] * c ** x[4] + x[5])


def largest_error(x, points):
    return max(abs(formula(x, c, w) / energy - 1) for c, w, energy in points)


def nelder_mead(cost, start, iterations):
    """The simplex method with the standard coefficients; returns the best point."""
    count = len(start)
    simplex = [list(start)]
    for i in range(count):
        vertex = list(start)
        vertex[i] += 0.2 * abs(vertex[i])
        simplex.append(vertex)
    scored = sorted((cost(x), x) for x in simplex)
    for _ in range(iterations):
        centre = [sum(x[i] for _, x in scored[:-1]) / count for i in range(count)]
        worst = scored[-1][1]

        def moved(step):
            x = [centre[i] + step * (centre[i] - worst[i]) for i in range(count)]
            return cost(x), x

        reflected = moved(1)
        if reflected < scored[0]:
            scored[-1] = min(moved(2), reflected)
        elif reflected < scored[-2]:
            scored[-1] = reflected
        else:
            contracted = moved(0.5) if reflected < scored[-1] else moved(-0.5)
            if contracted < min(reflected, scored[-1]):
                scored[-1] = contracted
            else:
                best = scored[0][1]
                shrunk = [[(best[i] + x[i]) / 2 for i in range(count)] for _, x in scored[1:]]
                scored = [scored[0]] + [(cost(x), x) for x in shrunk]
        scored.sort()
    return scored[0][1]


def fit(points):
    x = [1.6, 0.6, 0.1, 0.03, 0.5, 0.001]
    least_squares = lambda x: sum((formula(x, c, w) / e - 1) ** 2 for c, w, e in points)
    for cost in (least_squares, lambda x: largest_error(x, points)):
        for _ in range(8):  # restarts widen a collapsed simplex
            x = nelder_mead(cost, x, 4000)
    return [float(f"{value:.4g}") for value in x]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweep")
    parser.add_argument("--cell", default="itrs-lstp")
    parser.add_argument("--node", type=float, default=0.045, help="micrometres")
    arguments = parser.parse_args()
    rows = read_sweep(arguments.sweep, arguments.cell, arguments.node)
    for name, column in (("read", 2), ("write", 3)):
        points = [(row[0], row[1], row[column]) for row in rows]
        x = fit(points)
        errors = [formula(x, c, w) / e - 1 for c, w, e in points]
        rms = math.sqrt(sum(e * e for e in errors) / len(errors))
        print(f"{name}: {{{', '.join(f'{k}: {v}' for k, v in zip(KEYS, x))}}}")
        print(f"  {len(points)} points, error {min(errors):+.1%} to {max(errors):+.1%}, rms {rms:.1%}")
    leaks = [row[4] / (row[0] * REFERENCE_BYTES / 1024) for row in rows if row[0] >= 0.5]
    mean = math.exp(sum(map(math.log, leaks)) / len(leaks))
    print(f"leakage: {mean:.4g} uW per KiB, {min(leaks) / mean - 1:+.0%} to {max(leaks) / mean - 1:+.0%}")


if __name__ == "__main__":
    main()

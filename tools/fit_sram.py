#!/usr/bin/env python3
"""Make the SRAM prices of a price table from a CACTI sweep: its points, and a formula for the rest.

    tools/fit_sram.py SWEEP [--cell itrs-lstp] [--node 0.045]

SWEEP has one memory per line: cell tech_um size_bytes word_bits access_ns read_nJ write_nJ leak_mW.
The formula is the one of `sram:` entries (docs/energy-model.md), with c = capacity / 8 KiB:

    E = base_pj c^base_exponent + base_offset_pj
        + w (bit_pj c^bit_exponent + bit_offset_pj + row_pj rows)

The coefficients minimise the largest relative error over all points (Nelder-Mead from a fixed start,
so every run prints the same), rounded to four digits before the errors are taken. Reads need no rows
(row_pj = 0). In writes one point is left out of the largest error, the worst one: there CACTI takes
other rows than the rule, which a table lists as `rows` (ROWS); errors are taken with them. Leakage is the
geometric mean of leakage per KiB over the memories of at least 4 KiB.
"""

import argparse
import math

REFERENCE_BYTES = 8192
KEYS = ("base_pj", "base_exponent", "base_offset_pj", "bit_pj", "bit_exponent", "bit_offset_pj",
        "row_pj")
MAX_ROWS = 4096
NARROW_WORD = 16
ROWS = {(8 * 1024, 16): 1024}  # by bytes and word; the rule says 512
START = {
    "read": [1.6, 0.6, 0.1, 0.03, 0.5, 0.001],
    "write": [1.6, 0.6, 0.1, 0.01, 0.7, 0.01, 0.0003],
}


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


def rows_of(c, w):
    """Cells on a bit line that one write moves: the array is about square, rows a power of two."""
    bits = c * REFERENCE_BYTES * 8
    if w <= NARROW_WORD:
        bits /= 2
    square = 4 * 2 ** math.floor(math.log2(bits) / 2)
    return min(c * REFERENCE_BYTES * 8 / w, square, MAX_ROWS)


def formula(x, c, w, listed={}):
    rows = listed.get((round(c * REFERENCE_BYTES), round(w))) or rows_of(c, w)
    of_rows = x[6] * rows if len(x) > 6 else 0
    return x[0] * c ** x[1] + x[2] + w * (x[3] * c ** x[4] + x[5] + of_rows)


def errors_of(x, points, listed={}):
    return [formula(x, c, w, listed) / energy - 1 for c, w, energy in points]


def largest_error(x, points, left_out):
    return sorted(map(abs, errors_of(x, points)))[-1 - left_out]


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


def fit(points, start, left_out):
    x = start
    least_squares = lambda x: sum(e * e for e in errors_of(x, points))
    for cost in (least_squares, lambda x: largest_error(x, points, left_out)):
        for _ in range(8):  # restarts widen a collapsed simplex
            x = nelder_mead(cost, x, 4000)
    return [float(f"{value:.4g}") for value in x]


def print_points(points):
    """The sweep as `points:` of an entry: capacity: {word: energy}."""
    print("  points:")
    for c in sorted({c for c, _, _ in points}):
        words = ", ".join(f"{w:.0f}: {e:.6g} pJ" for capacity, w, e in sorted(points) if capacity == c)
        print(f"    {c * REFERENCE_BYTES / 1024:.0f} KiB: {{{words}}}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweep")
    parser.add_argument("--cell", default="itrs-lstp")
    parser.add_argument("--node", type=float, default=0.045, help="micrometres")
    arguments = parser.parse_args()
    rows = read_sweep(arguments.sweep, arguments.cell, arguments.node)
    for name, column, left_out in (("read", 2, 0), ("write", 3, 1)):
        points = [(row[0], row[1], row[column]) for row in rows]
        x = fit(points, START[name], left_out)
        print(f"{name}: {{{', '.join(f'{k}: {v}' for k, v in zip(KEYS, x))}}}")
        print_points(points)
        errors = errors_of(x, points, ROWS)
        worst = max(range(len(points)), key=lambda i: abs(errors[i]))
        rms = math.sqrt(sum(e * e for e in errors) / len(errors))
        print(f"  {len(points)} points, error {min(errors):+.1%} to {max(errors):+.1%}, rms {rms:.1%}")
        c, w, _ = points[worst]
        print(f"  worst at {c * REFERENCE_BYTES / 1024:.0f} KiB x {w:.0f} bit")
    leaks = [row[4] / (row[0] * REFERENCE_BYTES / 1024) for row in rows if row[0] >= 0.5]
    mean = math.exp(sum(map(math.log, leaks)) / len(leaks))
    print(f"leakage: {mean:.4g} uW per KiB, {min(leaks) / mean - 1:+.0%} to {max(leaks) / mean - 1:+.0%}")


if __name__ == "__main__":
    main()

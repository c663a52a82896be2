"""The timing levels of the chip simulation side by side, as a figure and as tables.

    build/bench/bench/levels_compare examples/quickstart.yaml > levels.csv
    python bench/levels_plot.py levels.csv --out docs/images/timing-levels.svg

Draws mean packet latencies of uniform and hot-spot traffic against load, and the time of one sample
of a network against the clock of the chip's network. Prints the errors against `flit`, and what
each level took. `--machine` names the machine in the caption. Needs matplotlib.
"""

import argparse
import csv
import datetime
import pathlib

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import NullFormatter, StrMethodFormatter  # noqa: E402

LEVELS = {"analytic": ("C0", "v"), "event": ("C1", "o"), "flit": ("C2", "s")}
TRAFFIC = {
    "uniform": ("load (flits per tile and cycle)", "mean packet latency (ns)"),
    "hot-spot": ("load (flits per tile and cycle)", "mean packet latency (ns)"),
    "transformer": ("clock of the network (ns)", "time of one sample (us)"),
}


def read(file):
    """{(traffic, variant): {level: rows by rising load}}"""
    series = {}
    with open(file, newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            for key in ("load", "packets", "latency_ns", "time_us", "error", "seconds"):
                row[key] = float(row[key]) if row[key] else None
            lines = series.setdefault((row["traffic"], row["network"]), {})
            lines.setdefault(row["level"], []).append(row)
    return series


def draw(series, caption, out):
    variants = list(dict.fromkeys(variant for _, variant in series))
    plt.rcParams.update({"svg.hashsalt": "levels", "svg.fonttype": "none", "font.size": 9})
    figure, grid = plt.subplots(len(variants), len(TRAFFIC), figsize=(10, 6.4), squeeze=False)
    for line, variant in zip(grid, variants):
        for axes, (traffic, (x_label, y_label)) in zip(line, TRAFFIC.items()):
            key = "time_us" if traffic == "transformer" else "latency_ns"
            for level, (color, marker) in LEVELS.items():
                rows = series[traffic, variant][level]
                axes.plot([row["load"] for row in rows], [row[key] for row in rows], color=color,
                          marker=marker, markersize=4, label=level)
            if traffic == "transformer":
                axes.set_xscale("log", base=2)
                clocks = [row["load"] for row in series[traffic, variant]["flit"]]
                axes.set_xticks(clocks, [f"{clock:g}" for clock in clocks])
                most = max(row["time_us"] for row in series[traffic, variant]["flit"])
                axes.set_ylim(0, 1.08 * most)
            else:
                axes.set_yscale("log")
                least = series[traffic, variant]["analytic"][0]["latency_ns"]
                most = max(row["latency_ns"] for row in series[traffic, variant]["flit"])
                ticks = [tick for tick in (10, 20, 50, 100, 200, 500, 1000) if tick < 2 * most]
                axes.set_yticks(ticks)
                axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
                axes.yaxis.set_minor_formatter(NullFormatter())
                axes.set_ylim(0.8 * least, 1.5 * most)
                axes.set_xlim(left=0)
            axes.set(xlabel=x_label, ylabel=y_label, title=f"{traffic}: {variant}")
            axes.title.set_size(9)
            axes.spines[["top", "right"]].set_visible(False)
    grid[0][0].legend(frameon=False)
    figure.text(0.01, 0.01, caption, fontsize=8, color="0.3")
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})


def print_tables(series):
    for (traffic, variant), levels in series.items():
        print(f"\n{traffic}, {variant}")
        print("| load | packets | latency, ns | | | time, us | | | error | | seconds | | |")
        for analytic, event, flit in zip(*(levels[level] for level in LEVELS)):
            rows = (analytic, event, flit)
            cells = [f"{flit['load']:g}", f"{flit['packets']:.0f}"]
            cells += ["" if row["latency_ns"] is None else f"{row['latency_ns']:.1f}" for row in rows]
            cells += [f"{row['time_us']:.2f}" for row in rows]
            cells += [f"{100 * row['error']:.1f} %" for row in rows[:2]]
            cells += [f"{row['seconds']:.3f}" for row in rows]
            print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=pathlib.Path, help="what levels_compare printed")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="SVG file")
    parser.add_argument("--machine", default="unknown machine")
    options = parser.parse_args()
    series = read(options.csv)
    today = datetime.date.today()
    caption = (f"levels_compare on mesh45's network, 8 x 4 tiles; {options.machine}, "
               f"{today.day} {today:%B %Y}")
    draw(series, caption, options.out)
    print_tables(series)


if __name__ == "__main__":
    main()

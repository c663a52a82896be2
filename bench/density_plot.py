"""Time of a convolution against its synaptic additions, at spike densities of 1 - 40 %, as a figure.

    python bench/density_plot.py --bench build/bench/bench/kernel_bench --out docs/images/density.svg

Runs density_sweep of kernel_bench a few times, keeps the shortest time of each density, and fits a
line through all points. Prints the points, the line, and R^2. `--machine` names the machine in the
caption where /proc/cpuinfo is vague. Needs matplotlib and numpy.
"""

import argparse
import datetime
import json
import pathlib
import subprocess

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402


def machine_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown machine"


def sweep(bench):
    """{percent: (additions, microseconds)} of one run; both are of all time steps of a layer."""
    command = [bench, "--benchmark_filter=density_sweep", "--benchmark_format=json",
               "--benchmark_min_time=0.2"]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    points = {}
    for row in json.loads(run.stdout)["benchmarks"]:
        percent = int(row["name"].split("percent:")[1].split("/")[0])
        points[percent] = (row["adds/s"] * row["us"] * 1e-6, row["us"])
    return points


def shortest(bench, runs):
    """Additions and shortest times, by rising density."""
    best = sweep(bench)
    for _ in range(runs - 1):
        for percent, point in sweep(bench).items():
            best[percent] = min(best[percent], point, key=lambda p: p[1])
    percents = sorted(best)
    additions, times = np.array([best[p] for p in percents]).T
    return percents, additions, times


def fit(x, y):
    """Slope, offset, and R^2 of the least squares line."""
    slope, offset = np.polyfit(x, y, 1)
    residual = ((y - slope * x - offset) ** 2).sum()
    return slope, offset, 1 - residual / ((y - y.mean()) ** 2).sum()


def draw(percents, additions, times, line, caption, out):
    slope, offset, r2 = line
    millions = additions / 1e6
    plt.rcParams.update({"svg.hashsalt": "density", "svg.fonttype": "none", "font.size": 10})
    figure, axes = plt.subplots(figsize=(6.4, 4.4))
    ends = np.array([0, millions[-1]])
    axes.plot(ends, offset + slope * ends * 1e6, color="0.6", zorder=1,
              label=f"{offset:.0f} us + 1 us per {1 / slope / 1e3:.1f} k additions, R² = {r2:.4f}")
    axes.scatter(millions, times, color="C0", zorder=2, label="measured")
    for percent, x, y in zip(percents, millions, times):
        axes.annotate(f"{percent} %", (x, y), (5, -11), textcoords="offset points", fontsize=8)
    axes.set(xlim=0, ylim=0, xlabel="synaptic additions (millions)", ylabel="time (us)",
             title="conv3x3 64 → 128 on 32 x 32, T = 4, 4-bit weights, one core")
    axes.legend(loc="upper left", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.text(0.01, 0.01, caption, fontsize=8, color="0.3")
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", required=True, help="the program kernel_bench")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="SVG file")
    parser.add_argument("--machine", default=machine_name())
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    percents, additions, times = shortest(options.bench, options.runs)
    line = fit(additions, times)
    for percent, adds, time in zip(percents, additions, times):
        print(f"{percent:3d} %  {adds / 1e6:7.2f} M additions  {time:7.1f} us")
    print(f"{line[1]:.1f} us + {line[0] * 1e6:.3f} us per million additions, R^2 = {line[2]:.5f}")
    today = datetime.date.today()
    caption = f"kernel_bench, density_sweep; {options.machine}, {today.day} {today:%B %Y}"
    draw(percents, additions, times, line, caption, options.out)


if __name__ == "__main__":
    main()

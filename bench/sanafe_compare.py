"""Time and memory of a SANA-FE chip and network: the peer (PyPI `sanafe`) against neurojoule.

    python bench/sanafe_compare.py ARCH.yaml NET.yaml --program build/bench/app/neurojoule

Each run is a process of its own from start to end, loading included; the shortest of `--runs` runs
counts. Prints seconds, peak memory, and the ratios simple : simple and detailed : event. Needs the
package `sanafe`.
"""

import argparse
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time

PEER = """
import sys, sanafe
arch = sanafe.load_arch(sys.argv[1])
chip = sanafe.SpikingChip(arch)
chip.load(sanafe.load_net(sys.argv[2], arch))
result = chip.sim(int(sys.argv[3]), timing_model=sys.argv[4])
print("simulated time", result["sim_time"])
"""


def measure(command, runs):
    """(seconds, MiB, last line of the output): the shortest of `runs` runs of a command."""
    best = None
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status != 0:
            sys.exit(f"failed: {command}")
        if best is None or seconds < best[0]:
            best = (seconds, usage.ru_maxrss / 1024, output.strip().splitlines()[-1])
    return best


def simulated_time(folder):
    with open(folder / "steps.csv") as file:
        return sum(float(row["time_s"]) for row in csv.DictReader(file))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("arch")
    parser.add_argument("net")
    parser.add_argument("--program", required=True, help="the program neurojoule")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3, help="of neurojoule; the peer runs once")
    arguments = parser.parse_args()
    for theirs, ours in (("simple", "simple"), ("detailed", "event")):
        peer = measure([sys.executable, "-c", PEER, arguments.arch, arguments.net, arguments.steps,
                        theirs], 1)
        with tempfile.TemporaryDirectory() as out:
            own = measure([arguments.program, "sanafe", arguments.arch, arguments.net, "--steps",
                           arguments.steps, "--timing", ours, "--out", out], arguments.runs)
            own_time = simulated_time(pathlib.Path(out))
        print(f"sanafe {theirs}: {peer[0]:.2f} s, {peer[1]:.0f} MiB, {peer[2]} s")
        print(f"neurojoule {ours}: {own[0]:.3f} s, {own[1]:.0f} MiB, simulated time {own_time} s")
        print(f"ratio {peer[0] / own[0]:.0f}x in time, {peer[1] / own[1]:.0f}x in memory", flush=True)


if __name__ == "__main__":
    main()

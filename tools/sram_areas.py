#!/usr/bin/env python3
"""Make the SRAM areas of a price table with CACTI, and say how far they are from it elsewhere.

    tools/sram_areas.py CACTI

CACTI is a folder with CACTI 7 (https://github.com/HewlettPackard/cacti), built, and its cache.cfg, of which
all but SETTINGS is kept. The memories are those whose energies the table lists; the same settings give the
read energies of these points. Printed are the points of `areas: sram:` (docs/energy-model.md) and the errors
of its rule, power laws between neighbours and proportional beyond, on memories that are not listed.
"""

import argparse
import bisect
import math
import os
import re
import subprocess
import tempfile

KIB = 1024
CAPACITIES = [KIB * k for k in (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)]
WORDS = [8, 16, 32, 64, 128]
OTHERS = {  # by what they check: capacities in bytes, words in bits
    "between two capacities": ([KIB * 3 * 2**i // 2 for i in range(8)] + [512 * KIB], WORDS),
    "between two words": ([KIB * k for k in (1, 4, 8, 16, 64, 128, 256)], [24, 48, 96]),
    "less than 1 KiB": ([64, 128, 256, 512, 768], WORDS),
    "2 MiB": ([2048 * KIB], WORDS),
}
SETTINGS = {
    "-associativity": "1",
    "-technology (u)": "0.045",
    "-Data array cell type -": '"itrs-lstp"',
    "-Data array peripheral type -": '"itrs-lstp"',
    "-Tag array cell type -": '"itrs-lstp"',
    "-Tag array peripheral type -": '"itrs-lstp"',
    "-operating temperature (K)": "300",
    "-cache type": '"ram"',
    "-design objective (weight delay, dynamic power, leakage power, cycle time, area)": "0:100:0:0:0",
    "-deviate (delay, dynamic power, leakage power, cycle time, area)": ":".join(["100000"] * 5),
    "-Optimize ED or ED^2 (ED, ED^2, NONE):": '"NONE"',
    "-Add ECC -": '"false"',
    "-Print level (DETAILED, CONCISE) -": '"DETAILED"',
}


def configuration(folder, capacity, word):
    """cache.cfg for one memory."""
    settings = dict(SETTINGS)
    settings["-size (bytes)"] = str(capacity)
    settings["-block size (bytes)"] = str(word // 8)
    settings["-output/input bus width"] = str(word)
    with open(os.path.join(folder, "cache.cfg"), encoding="utf-8") as file:
        kept = [line.rstrip() for line in file if line.startswith("-")]
    kept = [line for line in kept if not any(line.startswith(key) for key in settings)]
    return "\n".join(kept + [f"{key} {value}" for key, value in settings.items()]) + "\n"


def area_of(folder, capacity, word):
    """mm2; nothing where CACTI finds no array."""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "memory.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(configuration(folder, capacity, word))
        done = subprocess.run(["./cacti", "-infile", path], cwd=folder, capture_output=True, text=True)
    found = re.search(r"Data array: Area \(mm2\):\s*([\d.e+-]+)", done.stdout)
    return float(found.group(1)) if found else None


def power_law(at, start, start_area, end, end_area):
    return start_area * (end_area / start_area) ** (math.log(at / start) / math.log(end / start))


def by_capacity(listed, capacity, word):
    if capacity <= CAPACITIES[0] or capacity >= CAPACITIES[-1]:
        nearest = CAPACITIES[0] if capacity <= CAPACITIES[0] else CAPACITIES[-1]
        return listed[nearest, word] * capacity / nearest
    i = bisect.bisect_right(CAPACITIES, capacity) - 1
    start, end = CAPACITIES[i], CAPACITIES[i + 1]
    return power_law(capacity, start, listed[start, word], end, listed[end, word])


def rule(listed, capacity, word):
    if word in WORDS:
        return by_capacity(listed, capacity, word)
    i = bisect.bisect_right(WORDS, word) - 1
    start, end = WORDS[i], WORDS[i + 1]
    return power_law(word, start, by_capacity(listed, capacity, start), end, by_capacity(listed, capacity, end))


def size_text(capacity):
    return f"{capacity // (KIB * KIB)} MiB" if capacity % (KIB * KIB) == 0 else f"{capacity / KIB:g} KiB"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cacti", help="folder with the program and cache.cfg")
    folder = parser.parse_args().cacti
    listed = {(c, w): area_of(folder, c, w) for c in CAPACITIES for w in WORDS}
    print("areas:\n  sram:\n    points:")
    for capacity in CAPACITIES:
        words = ", ".join(f"{word}: {listed[capacity, word]:.6g} mm2" for word in WORDS)
        print(f"      {size_text(capacity)}: {{{words}}}")
    for name, (capacities, words) in OTHERS.items():
        errors = []
        for capacity in capacities:
            for word in words:
                area = area_of(folder, capacity, word)
                if area:
                    errors.append((rule(listed, capacity, word) / area - 1, f"{size_text(capacity)} x {word}"))
        errors.sort()
        rms = math.sqrt(sum(error * error for error, _ in errors) / len(errors))
        print(f"# {name}: {len(errors)} memories, rule / CACTI - 1 from {errors[0][0]:+.1%} ({errors[0][1]})"
              f" to {errors[-1][0]:+.1%} ({errors[-1][1]}), rms {rms:.1%}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Frames recordings of N-MNIST for `dataset: {source: frames}`.

    tools/frame_nmnist.py FOLDER LIST OUT.h5 [--timesteps 4] [--max-value 15] [--swap]

LIST names a recording and its digit in each line (`60001 7`; `#` begins a comment); the recording is
FOLDER/60001.bs2. OUT.h5 gets `frames`, uint8 [N, T, 2, 34, 34], and `labels`: counts of events in T
equal parts of 300 ms, later events in the last part, as `framing` with `by: time` does.

--swap exchanges the two polarities. The recordings have polarity 1 where a bright digit leaves a
pixel, the emulated camera where it arrives; with --swap a network sees both alike.

Needs numpy and h5py.
"""

import argparse
import pathlib

import h5py
import numpy as np

DURATION_US = 300_000
SIDE = 34


def read_events(file):
    """Column, row, polarity and time of the events; see datasets/nmnist.hpp for the records."""
    records = np.frombuffer(file.read_bytes(), np.uint8).reshape(-1, 5).astype(np.int64)
    x, y = records[:, 0], records[:, 1]
    time = (records[:, 2] & 0x7F) << 16 | records[:, 3] << 8 | records[:, 4]
    overflow = y == 240
    time = time + np.cumsum(overflow) * 2**13
    return [values[~overflow] for values in (x, y, records[:, 2] >> 7, time)]


def frame(file, args):
    x, y, polarity, time = read_events(file)
    part = np.minimum(args.timesteps * time // DURATION_US, args.timesteps - 1)
    counts = np.zeros((args.timesteps, 2, SIDE, SIDE), np.int64)
    np.add.at(counts, (part, polarity ^ args.swap, y, x), 1)
    return np.minimum(counts, args.max_value).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("list", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--timesteps", type=int, default=4)
    parser.add_argument("--max-value", type=int, default=15, help="counts end here, at most 255")
    parser.add_argument("--swap", action="store_true", help="exchange the polarities")
    args = parser.parse_args()
    lines = [line.split("#")[0].split() for line in args.list.read_text().splitlines()]
    chosen = [(args.folder / f"{line[0]}.bs2", int(line[1])) for line in lines if line]
    frames = np.stack([frame(file, args) for file, _ in chosen])
    with h5py.File(args.out, "w") as file:
        chunks = (min(64, len(frames)), *frames.shape[1:])
        file.create_dataset("frames", data=frames, chunks=chunks, compression="gzip")
        file.create_dataset("labels", data=np.array([digit for _, digit in chosen], np.uint8))
    print(f"{args.out}: {len(frames)} recordings, {frames.sum()} events")


if __name__ == "__main__":
    main()

"""Compares the predictions of the PyTorch model with those of `neurojoule run`, sample by sample.

PREDICTIONS is the `predictions.csv` of a run directory: columns sample, label, prediction, where
sample is the row of FRAMES.
"""

import argparse
import csv

import torch

from training import load_frames, load_model, predict


def read_predictions(path):
    """Samples, labels and predictions as int64 tensors."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise SystemExit(f"{path}: no predictions")
    columns = ("sample", "label", "prediction")
    return [torch.tensor([int(row[name]) for row in rows]) for name in columns]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("frames", help="HDF5 of `neurojoule frames`, same camera and framing")
    parser.add_argument("predictions")
    parser.add_argument("--at-least", type=float, default=0.0, help="fail below this per cent")
    args = parser.parse_args()
    samples, labels, theirs = read_predictions(args.predictions)
    frames, known = load_frames(args.frames)
    if samples.max() >= len(known) or (known[samples] != labels).any():
        raise SystemExit(f"{args.predictions}: samples and labels do not belong to {args.frames}")
    ours = predict(load_model(args.checkpoint), frames[samples])
    equal = int((ours == theirs).sum())
    per_cent = 100 * equal / len(ours)
    print(f"equal predictions: {equal} of {len(ours)} ({per_cent:.2f} %)")
    print(f"right: PyTorch {int((ours == labels).sum())}, neurojoule {int((theirs == labels).sum())}")
    if equal < len(ours):
        which = samples[ours != theirs][:20].tolist()
        print(f"first samples that differ: {which}")
    if per_cent < args.at_least:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

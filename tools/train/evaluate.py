"""Accuracy of a safetensors checkpoint on exported event frames."""

import argparse

from training import load_frames, load_model, predict


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("frames")
    parser.add_argument("--samples", type=int, help="only the first ones")
    args = parser.parse_args()
    frames, labels = load_frames(args.frames, count=args.samples)
    right = int((predict(load_model(args.checkpoint), frames) == labels).sum())
    print(f"{right} of {len(labels)} right: {100 * right / len(labels):.2f} %")


if __name__ == "__main__":
    main()

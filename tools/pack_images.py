#!/usr/bin/env python3
"""Packs image files into the HDF5 that `dataset: {source: hdf5}` reads.

    tools/pack_images.py SOURCE OUT.h5 [--first 900] [--count 100] [--grey] [--mirrored]

SOURCE is a folder with one folder of images for each class (CIFAR-10 as JPEG: train/airplane/0000.jpg,
..); the classes are numbered in alphabetical order, and so are the images of a class. OUT.h5 gets
`images`, uint8 [N, 3, H, W], and `labels`, uint8 [N]: image 0 of every class, then image 1 of every
class, and so on, so that each run of samples has all classes. --first and --count count within a class.
Or SOURCE is an IDX file, `train-images-idx3-ubyte.gz`, with its labels beside it; all its images are
taken in their order, [N, 1, H, W]. --grey stores the luminance that the camera would compute,
[N, 1, H, W]; --mirrored puts each image's mirror image behind it (for training).

Needs numpy, pillow and h5py.
"""

import argparse
import gzip
import pathlib

import h5py
import numpy as np
from PIL import Image


def luminance(images):
    """Red, green and blue `[N, 3, H, W]` to grey `[N, 1, H, W]`, as datasets/grey_image.hpp does."""
    weights = np.array([77, 150, 29], np.uint32)[:, None, None]
    grey = (images * weights).sum(1, keepdims=True) + 128 >> 8
    return grey.astype(np.uint8)


def class_files(folder, first, count):
    """The images `first` .. of every class, interleaved, with their labels."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not names:
        raise SystemExit(f"{folder}: no folder of a class")
    files = [sorted(path for path in (folder / name).iterdir())[first:] for name in names]
    count = min(len(some) for some in files) if count is None else count
    for name, some in zip(names, files):
        if len(some) < max(count, 1):
            raise SystemExit(f"{folder / name}: {len(some)} images from {first} on, {count} wanted")
    return [(files[label][i], label) for i in range(count) for label in range(len(names))]


def read_idx(file):
    """Unsigned bytes of any shape."""
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def read_images(args):
    """Images `[N, C, H, W]` and labels `[N]`."""
    if args.source.is_file():
        labels = args.source.name.replace("images-idx3", "labels-idx1")
        return read_idx(args.source)[:, None], read_idx(args.source.with_name(labels))
    chosen = class_files(args.source, args.first, args.count)
    images = np.stack([np.asarray(Image.open(file).convert("RGB")) for file, _ in chosen])
    labels = np.array([label for _, label in chosen], np.uint8)
    return images.transpose(0, 3, 1, 2), labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--first", type=int, default=0, help="first image of each class")
    parser.add_argument("--count", type=int, help="images of each class (default: all)")
    parser.add_argument("--grey", action="store_true")
    parser.add_argument("--mirrored", action="store_true")
    args = parser.parse_args()
    images, labels = read_images(args)
    if args.grey and images.shape[1] == 3:
        images = luminance(images)
    if args.mirrored:
        images = np.stack([images, images[..., ::-1]], 1).reshape(-1, *images.shape[1:])
        labels = labels.repeat(2)
    with h5py.File(args.out, "w") as file:
        options = {"compression": "gzip", "chunks": (min(64, len(images)), *images.shape[1:])}
        file.create_dataset("images", data=images, **options)
        file.create_dataset("labels", data=labels)
    print(f"{args.out}: {images.shape[0]} images of {images.shape[1:]}, {labels.max() + 1} classes")


if __name__ == "__main__":
    main()

"""Event frames exported by `neurojoule frames`: HDF5 with `frames` and `labels`."""

import h5py
import torch


def load_frames(path, first=0, count=None):
    """Frames uint8 `[N, T, 2, H, W]` and labels int64 `[N]`."""
    with h5py.File(path, "r") as file:
        last = len(file["labels"]) if count is None else first + count
        if last > len(file["labels"]):
            raise SystemExit(f"{path}: has {len(file['labels'])} samples, {last} wanted")
        frames = torch.from_numpy(file["frames"][first:last])
        labels = torch.from_numpy(file["labels"][first:last].astype("int64"))
    return frames, labels


def shift_frames(frames, largest, generator):
    """Moves each sample by up to `largest` pixels along both axes; what enters is empty."""
    out = torch.zeros_like(frames)
    height, width = frames.shape[-2:]
    moves = torch.randint(-largest, largest + 1, (len(frames), 2), generator=generator).tolist()
    for i, (dy, dx) in enumerate(moves):
        out[i, ..., max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = frames[
            i, ..., max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)
        ]
    return out

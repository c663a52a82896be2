"""The authors' networks. `python presets.py` prints their parameters as PyTorch counts them."""

import torch

from qkformer import QKFormer
from sdt import Sdt
from spikformer import Spikformer
from spikingformer import Spikingformer

EVENTS = dict(input=(2, 128, 128), dim=256, T=16)
CIFAR = dict(input=(3, 32, 32), classes=10, T=4)
IMAGENET = dict(input=(3, 224, 224), classes=1000, T=4)


def spikformer():
    yield "cifar10_dvs", dict(
        form="event", **EVENTS, heads=16, depth=2, classes=10, pooling="1111"
    )
    yield "dvs_gesture", dict(
        form="event", **EVENTS, heads=16, depth=2, classes=11, pooling="1111"
    )
    for depth, dim in ((4, 256), (2, 384), (4, 384)):
        options = dict(dim=dim, heads=12 if dim == 384 else 8, depth=depth, pooling="0011")
        yield f"cifar10_{depth}_{dim}", dict(form="cifar", **CIFAR, **options)
    for depth, dim in ((8, 384), (6, 512), (8, 512), (10, 512), (8, 768)):
        options = dict(dim=dim, heads=8, depth=depth, pooling="1111")
        yield f"imagenet_{depth}_{dim}", dict(form="imagenet", **IMAGENET, **options)


def spikingformer():
    options = dict(heads=16, depth=2, pooling="1111", stem="proj", tau=1.5)
    yield "cifar10_dvs", dict(**EVENTS, **options, classes=10)
    yield "dvs_gesture", dict(**EVENTS, **options, classes=11)
    for depth, dim in ((4, 256), (2, 384), (4, 384)):
        options = dict(dim=dim, heads=12 if dim == 384 else 8, depth=depth)
        yield f"cifar10_{depth}_{dim}", dict(
            **CIFAR, **options, pooling="0011", stem="block", tau=2.0
        )
    for depth, dim in ((8, 384), (8, 512), (8, 768)):
        options = dict(dim=dim, heads=8, depth=depth, pooling="1111", stem="proj", tau=2.0)
        yield f"imagenet_{depth}_{dim}", dict(**IMAGENET, **options)


def sdt():
    size = dict(heads=8, depth=2)
    dvs = dict(input=(2, 64, 64), dim=256, T=10, classes=10, pooling="0011", dvs_mode=True)
    yield "cifar10_dvs", dict(**dvs, **size)
    yield "dvs_gesture", dict(**EVENTS, **size, classes=11, pooling="0111")
    for dim in (256, 512):
        yield f"cifar10_2_{dim}", dict(**CIFAR, **size, dim=dim, pooling="0011")
    for depth, dim in ((8, 384), (6, 512), (8, 512), (10, 512), (8, 768)):
        options = dict(dim=dim, heads=8, depth=depth, pooling="1111")
        yield f"imagenet_{depth}_{dim}", dict(**IMAGENET, **options)


def qkformer():
    events = dict(form="event", **EVENTS, heads=16, depths=(1, 1))
    yield "cifar10_dvs", dict(**events, classes=10, mlp_ratio=1)
    yield "dvs_gesture", dict(**events, classes=11, mlp_ratio=4)
    yield "cifar10_4_384", dict(form="cifar", **CIFAR, dim=384, heads=8, depths=(1, 1, 2))
    for dim, heads in ((384, 6), (512, 8), (768, 12)):
        options = dict(dim=dim, heads=heads, depths=(1, 2, 7))
        yield f"imagenet_10_{dim}", dict(form="imagenet", **IMAGENET, **options)


FAMILIES = {
    Spikformer: spikformer,
    Spikingformer: spikingformer,
    Sdt: sdt,
    QKFormer: qkformer,
}


def main():
    for family, presets in FAMILIES.items():
        for name, options in presets():
            with torch.device("meta"):
                counts = [
                    sum(p.numel() for p in family(**options, folded=folded).parameters())
                    for folded in (False, True)
                ]
            print(f"{family.__name__:14} {name:16} {counts[0]:>11,} folded {counts[1]:>11,}")


if __name__ == "__main__":
    main()

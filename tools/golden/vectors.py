"""The small networks of `tests/golden/`.

Sizes are chosen so that means divide by powers of two, and most maps are not square. `shifts` are
ranges of BatchNorm shifts (see `weights.py`) that keep neurons between silence and saturation.
"""

from typing import NamedTuple

from qkformer import QKFormer
from sdt import Sdt
from spikformer import Spikformer
from spikingformer import Spikingformer

EVENTS, IMAGE = 1.0, 2.0**-6  # scale of the input codes
COMMON = dict(T=4, classes=10)


class Vector(NamedTuple):
    family: type
    scale: float
    options: dict
    shifts: dict = {}
    head_unit: float = 2.0**-8  # of the weights of the head


# A real stream makes long products: the head needs short weights to be exact in float32.
REAL_HEAD = 2.0**-2
# Behind these layers of a membrane shortcut comes a sum and no neuron.
STREAM = dict.fromkeys(
    ("attn.proj_bn", "proj_bn3", "rpe_bn", "fc2_bn", "proj4_bn", "block4_bn", "mlp2_bn"),
    (-0.75, 0.5),
)
# Few tokens and channels per head: attention fires only if its inputs do so often.
SSA = {f".{path}.{layer}_bn": (0.5, 2.0) for path in ("ssa", "attn") for layer in ("q", "k", "v")}
# .. and the gate of token attention opens too often.
QK = SSA | {"tssa.q_bn": (-0.5, 0.75)}

VECTORS = {
    "spikformer_image": Vector(
        Spikformer,
        IMAGE,
        dict(
            form="cifar", input=(3, 16, 32), dim=16, heads=2, depth=2, mlp_ratio=2, pooling="0011"
        ),
        SSA,
    ),
    "spikingformer_dvs": Vector(
        Spikingformer,
        EVENTS,
        dict(input=(2, 32, 64), dim=24, heads=3, depth=2, pooling="1111", stem="proj", tau=1.5),
        STREAM | SSA,
        REAL_HEAD,
    ),
    "spikingformer_image": Vector(
        Spikingformer,
        IMAGE,
        dict(input=(3, 16, 32), dim=24, heads=3, depth=1, pooling="0011", stem="block", tau=2.0),
        STREAM | SSA,
        REAL_HEAD,
    ),
    "sdt_dvs": Vector(
        Sdt,
        EVENTS,
        dict(
            input=(2, 16, 32), dim=16, heads=2, depth=2, mlp_ratio=2, pooling="0011", dvs_mode=True
        ),
        STREAM | {"k_bn": (-1.75, 0.75), "v_bn": (-1.75, 0.75)},
    ),
    "sdt_image": Vector(
        Sdt,
        IMAGE,
        dict(input=(3, 32, 64), dim=24, heads=3, depth=2, pooling="1111"),
        STREAM,
    ),
    "qkformer_dvs": Vector(
        QKFormer,
        EVENTS,
        dict(form="event", input=(2, 32, 64), dim=32, heads=4, depths=(1, 1), mlp_ratio=1),
        QK,
    ),
    "qkformer_image": Vector(
        QKFormer,
        IMAGE,
        dict(form="imagenet", input=(3, 32, 64), dim=24, heads=3, depths=(1, 2, 1), mlp_ratio=2),
        QK,
    ),
    "qkformer_channel": Vector(
        QKFormer,
        IMAGE,
        dict(
            form="cifar",
            input=(3, 16, 16),
            dim=24,
            heads=3,
            depths=(1, 1, 1),
            mlp_ratio=2,
            mixers=("token", "channel"),
        ),
        QK | {"stage2.0.tssa.q_bn": (-2.5, 0.25)},
    ),
}

# Those whose checkpoint before folding is kept too, in float32 alone or as a distributed training
# saves it: names with a prefix, and an integer counter beside each BatchNorm.
UNFOLDED = {
    "spikformer_image": lambda state: {k: v for k, v in state.items() if v.is_floating_point()},
    "sdt_dvs": lambda state: {"module." + k: v for k, v in state.items()},
}

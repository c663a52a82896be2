"""Random networks whose neurons are alive, and their folding into multiples of 2^-8.

Every number of a checkpoint is drawn as, or rounded to, a multiple of a power of two, so that the
files do not depend on how a machine sums.
"""

import torch

from ops import Conv, Norm, sibling

FOLDED_UNIT = 2.0**-8

# Ranges of BatchNorm shifts by the ending of the name; the last that fits counts.
SHIFTS = {
    "": (-0.5, 1.0),
    "q_bn": (0.25, 1.25),
    "k_bn": (0.25, 1.25),
    "v_bn": (0.25, 1.25),
}


def rounded(x, unit):
    """The nearest multiple of `unit`, ties to even."""
    return torch.round(x / unit) * unit


@torch.no_grad()
def randomize(model, x, shifts, head_unit, rng):
    """Draws all weights, then sets the running statistics to those of the maps `x`."""
    shifts = SHIFTS | shifts

    def draw(parameter, low, high, unit):
        codes = rng.integers(round(low / unit), round(high / unit), parameter.shape, endpoint=True)
        parameter.copy_(torch.from_numpy(codes) * unit)

    for name, module in model.named_modules():
        if isinstance(module, Conv):
            draw(module.weight, -0.25, 0.25, 2.0**-8)
            if module.bias is not None:
                draw(module.bias, -0.25, 0.25, 2.0**-8)
        elif isinstance(module, Norm):
            low, high = next(
                (r for ending, r in reversed(shifts.items()) if name.endswith(ending))
            )
            draw(module.weight, 0.75, 1.5, 2.0**-6)
            draw(module.bias, low, high, 2.0**-6)
            module.momentum = 1.0
    draw(model.head.weight, -1, 1, head_unit)
    draw(model.head.bias, -1, 1, head_unit)

    model.train()
    model(x)
    model.eval()
    for module in model.modules():
        if isinstance(module, Norm):
            module.running_mean.copy_(rounded(module.running_mean, 2.0**-8))
            module.running_var.copy_(rounded(module.running_var, 2.0**-8).clamp(min=2.0**-8))


@torch.no_grad()
def fold(model, folded):
    """Copies `model` into `folded`, each BatchNorm merged into its convolution, all rounded."""
    parts = dict(model.named_modules())
    for name, conv in folded.named_modules():
        if isinstance(conv, Conv):
            source, (path, layer) = parts[name], name.rsplit(".", 1)
            norm = parts[f"{path}.{sibling(layer, 'bn')}"]
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            bias = 0.0 if source.bias is None else source.bias
            weight = source.weight * gain.view(-1, *[1] * (source.weight.dim() - 1))
            conv.weight.copy_(rounded(weight, FOLDED_UNIT))
            conv.bias.copy_(rounded((bias - norm.running_mean) * gain + norm.bias, FOLDED_UNIT))
    folded.head.load_state_dict(model.head.state_dict())

"""What a network did: the output of each neuron layer and residual sum, in execution order."""

import torch

from ops import Add, Lif


@torch.no_grad()
def run(model, x):
    """Logits `[B, classes]`, and `[B, T, ...]` by name for all `Lif` and all `Add` of `model`.

    Samples run one by one: the authors define networks for a batch, but mean one sample.
    """
    records = {Lif: {}, Add: {}}

    def hook(name, record):
        return lambda module, inputs, y: record.setdefault(name, []).append(y)

    handles = [
        module.register_forward_hook(hook(name, records[type(module)]))
        for name, module in model.named_modules()
        if type(module) in records
    ]
    logits = [model(sample.unsqueeze(1)) for sample in x]
    for handle in handles:
        handle.remove()
    lifs, sums = (
        {n: torch.cat(y, 1).transpose(0, 1) for n, y in r.items()} for r in records.values()
    )
    return torch.cat(logits), lifs, sums

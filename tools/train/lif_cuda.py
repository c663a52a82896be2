"""LIF neurons on a GPU: one kernel over all time steps, forward and backward (see model.py)."""

import torch
import triton
import triton.language as tl


@triton.jit
def _forward(current, spikes, potential, size, leak, v_th, T: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    v = tl.zeros((BLOCK,), tl.float32)
    for t in tl.static_range(T):
        x = tl.load(current + at + t * size, mask=inside, other=0.0).to(tl.float32)
        h = v + (x - v) * leak
        s = (h >= v_th).to(tl.float32)
        v = h * (1.0 - s)
        tl.store(spikes + at + t * size, s, mask=inside)
        tl.store(potential + at + t * size, h, mask=inside)


@triton.jit
def _backward(
    grad, potential, out, size, leak, v_th, alpha, T: tl.constexpr, BLOCK: tl.constexpr
):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    later = tl.zeros((BLOCK,), tl.float32)
    for i in tl.static_range(T):
        place = at + (T - 1 - i) * size
        h = tl.load(potential + place, mask=inside, other=0.0).to(tl.float32)
        g = tl.load(grad + place, mask=inside, other=0.0).to(tl.float32)
        s = tl.sigmoid(alpha * (h - v_th))
        kept = tl.where(h >= v_th, 0.0, 1.0)
        dh = g * alpha * s * (1.0 - s) + later * kept
        tl.store(out + place, dh * leak, mask=inside)
        later = dh * (1.0 - leak)


BLOCK = 1024


def forward(current, v_th, tau):
    """Spikes and potentials of `[T, ...]`, in its type and layout; T must be the slowest axis."""
    size = current[0].numel()
    assert current.stride(0) == size
    spikes, potential = torch.empty_like(current), torch.empty_like(current)
    grid = (triton.cdiv(size, BLOCK),)
    _forward[grid](current, spikes, potential, size, 1.0 / tau, v_th, current.shape[0], BLOCK)
    return spikes, potential


def backward(grad, potential, v_th, tau, alpha):
    """Gradient of the current."""
    out = torch.empty_like(potential)
    if grad.stride() != potential.stride():
        grad = torch.empty_like(potential).copy_(grad)
    size = potential[0].numel()
    grid = (triton.cdiv(size, BLOCK),)
    _backward[grid](
        grad, potential, out, size, 1.0 / tau, v_th, alpha, potential.shape[0], BLOCK
    )
    return out

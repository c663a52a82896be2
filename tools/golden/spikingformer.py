"""Spikingformer. Source: Zhou et al., 2023 (arXiv 2304.11954); docs/families.md, section 2."""

from torch import nn

from ops import Add, Lif, Part, max_pool, mean_tokens, spiking_attention

# Names of the five stem layers.
STEMS = {
    "proj": ("proj_conv", "proj1_conv", "proj2_conv", "proj3_conv", "proj4_conv"),
    "block": ("block0_conv", "block1_conv", "block2_conv", "block3_conv", "block4_conv"),
}


class PatchEmbed(Part):
    """conv(x), then four times conv(pool(LIF(x))), pooled where `pooling` has a 1."""

    def __init__(self, channels, dim, pooling, stem, tau, folded):
        super().__init__()
        self.pooling, self.names = pooling, STEMS[stem]
        widths = (channels, dim // 8, dim // 4, dim // 2, dim, dim)
        for i, name in enumerate(self.names):
            self.add_layer(name, *widths[i : i + 2], 3, lif=i > 0, tau=tau, folded=folded)

    def forward(self, x):
        x = self.current(self.names[0], x)
        for name, pool in zip(self.names[1:], self.pooling):
            x = self.spikes(name, x)
            x = self.current(name, max_pool(x) if pool == "1" else x)
        return x


class Attention(Part):
    """`proj_lif` comes first: one spike train feeds q, k, v."""

    def __init__(self, dim, heads, tau, folded):
        super().__init__()
        self.heads = heads
        for name in ("q", "k", "v"):
            self.add_layer(f"{name}_conv", dim, dim, rank=3, tau=tau, folded=folded)
        self.attn_lif = Lif(tau, v_threshold=0.5)
        self.add_layer("proj_conv", dim, dim, rank=3, bias=True, tau=tau, folded=folded)

    def forward(self, x):
        x = self.spikes("proj_conv", x)
        q, k, v = (self.fire(f"{name}_conv", x) for name in ("q", "k", "v"))
        mixed = self.attn_lif(spiking_attention(q, k, v, self.heads, 0.125))
        return self.current("proj_conv", mixed)


class Mlp(Part):
    def __init__(self, dim, hidden, tau, folded):
        super().__init__()
        self.add_layer("mlp1_conv", dim, hidden, bias=True, tau=tau, folded=folded)
        self.add_layer("mlp2_conv", hidden, dim, bias=True, tau=tau, folded=folded)

    def forward(self, x):
        for name in ("mlp1_conv", "mlp2_conv"):
            x = self.current(name, self.spikes(name, x))
        return x


class Block(Part):
    """Both parts add currents to the residual stream, which so holds real numbers."""

    def __init__(self, dim, heads, mlp_ratio, tau, folded):
        super().__init__()
        self.attn = Attention(dim, heads, tau, folded)
        self.mlp = Mlp(dim, dim * mlp_ratio, tau, folded)
        self.res_attn, self.res_mlp = Add(), Add()
        if not folded:
            self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)  # never used

    def forward(self, x):
        x = self.res_attn(x, self.attn(x))
        return self.res_mlp(x, self.mlp(x))


class Spikingformer(nn.Module):
    """`[T, B, C, H, W]` to logits `[B, classes]`."""

    def __init__(
        self, input, dim, heads, depth, classes, pooling, stem, tau, mlp_ratio=4, T=4, folded=False
    ):
        super().__init__()
        self.patch_embed = PatchEmbed(input[0], dim, pooling, stem, tau, folded)
        blocks = [Block(dim, heads, mlp_ratio, tau, folded) for _ in range(depth)]
        self.block = nn.ModuleList(blocks)
        self.head = nn.Linear(dim, classes)

    def forward(self, x):
        x = self.patch_embed(x)
        for block in self.block:
            x = block(x)
        return self.head(mean_tokens(x).mean(0))

"""QKFormer. Source: Zhou et al., NeurIPS 2024 (arXiv 2403.16552); docs/families.md, section 4."""

from torch import nn

from ops import Add, Lif, Part, heads_of, maps_of, max_pool, mean_tokens, spiking_attention

# Layers of a patch embedding: (name, output width as a divisor of dim, pooled before its LIF). The
# shortcut starts behind layer `shortcut` (-1: at the input) with the stride that the pools make.
INITS = {
    "imagenet": dict(
        layers=(("proj_conv", 2, True), ("proj1_conv", 1, True), ("proj2_conv", 1, False)),
        shortcut=0,
    ),
    "cifar": dict(layers=(("proj_conv", 2, False), ("proj1_conv", 1, False)), shortcut=0),
    "event": dict(
        layers=(
            ("proj_conv", 8, False),
            ("proj1_conv", 4, True),
            ("proj2_conv", 2, True),
            ("proj3_conv", 1, True),
        ),
        shortcut=1,
    ),
}
STAGES = {
    "imagenet": (("proj3_conv", 1, True), ("proj4_conv", 1, False)),
    "cifar": (("proj3_conv", 1, False), ("proj4_conv", 1, True)),
    "event": (("proj_conv", 1, False), ("proj4_conv", 1, True)),
}
# Names of the attention of the last stage and of the MLP layers.
NAMES = {
    "imagenet": ("attn", "fc1_conv", "fc2_conv"),
    "cifar": ("ssa", "mlp1_conv", "mlp2_conv"),
    "event": ("ssa", "mlp1_conv", "mlp2_conv"),
}


class PatchEmbed(Part):
    """A chain of 3 x 3 layers plus LIF(BN(1 x 1 convolution)) of an earlier map."""

    def __init__(self, c_in, dim, layers, shortcut, folded):
        super().__init__()
        self.layers, self.shortcut = layers, shortcut
        stride, c_out = 1, c_in
        for i, (name, divisor, pooled) in enumerate(layers):
            if i == shortcut + 1:
                c_shortcut = c_out
            c_from, c_out = c_out, dim // divisor
            self.add_layer(name, c_from, c_out, 3, folded=folded)
            stride *= 2 if pooled and i > shortcut else 1
        self.add_layer("proj_res_conv", c_shortcut, dim, stride=stride, folded=folded)
        self.out = Add()

    def forward(self, x):
        shortcut = x
        for i, (name, _, pooled) in enumerate(self.layers):
            x = self.current(name, x)
            x = self.spikes(name, max_pool(x) if pooled else x)
            shortcut = x if i == self.shortcut else shortcut
        return self.out(x, self.fire("proj_res_conv", shortcut))


class TokenAttention(Part):
    """Q-K token attention: the tokens in which a head's q fires often enough mask k."""

    def __init__(self, dim, heads, folded):
        super().__init__()
        self.heads = heads
        for name in ("q", "k", "proj"):
            self.add_layer(f"{name}_conv", dim, dim, rank=3, bias=name == "proj", folded=folded)
        self.attn_lif = Lif(v_threshold=0.5)

    def gate(self, q):
        return self.attn_lif(q.sum(3, keepdim=True))  # [T, B, heads, 1, N]

    def forward(self, x):
        q, k = (heads_of(self.fire(f"{name}_conv", x), self.heads) for name in ("q", "k"))
        return self.fire("proj_conv", maps_of(self.gate(q) * k, x))


class ChannelAttention(TokenAttention):
    """Q-K channel attention: the channels in which q fires often enough mask k."""

    def gate(self, q):
        return self.attn_lif(q.sum(4, keepdim=True))  # [T, B, heads, d, 1]


class SelfAttention(Part):
    def __init__(self, dim, heads, folded):
        super().__init__()
        self.heads = heads
        for name in ("q", "k", "v", "proj"):
            self.add_layer(f"{name}_conv", dim, dim, rank=3, bias=name == "proj", folded=folded)
        self.attn_lif = Lif(v_threshold=0.5)

    def forward(self, x):
        q, k, v = (self.fire(f"{name}_conv", x) for name in ("q", "k", "v"))
        mixed = self.attn_lif(spiking_attention(q, k, v, self.heads, 0.125))
        return self.fire("proj_conv", mixed)


class Mlp(Part):
    def __init__(self, dim, hidden, names, folded):
        super().__init__()
        self.names = names
        for name, c_in, c_out in zip(names, (dim, hidden), (hidden, dim)):
            self.add_layer(name, c_in, c_out, bias=True, folded=folded)

    def forward(self, x):
        for name in self.names:
            x = self.fire(name, x)
        return x


class Block(Part):
    """Both parts add spikes to the residual stream, which so holds integers."""

    def __init__(self, dim, heads, mlp_ratio, attention, name, mlp_names, folded):
        super().__init__()
        self.attention = name
        setattr(self, name, attention(dim, heads, folded))
        self.mlp = Mlp(dim, dim * mlp_ratio, mlp_names, folded)
        self.res_attn, self.res_mlp = Add(), Add()

    def forward(self, x):
        x = self.res_attn(x, getattr(self, self.attention)(x))
        return self.res_mlp(x, self.mlp(x))


class QKFormer(nn.Module):
    """`[T, B, C, H, W]` to logits `[B, classes]`.

    `depths` are the blocks of each stage; stage s of S has dim / 2^(S - s) channels. The last stage
    has spiking self-attention, the others Q-K attention, `mixers` ("token" or "channel").
    """

    MIXERS = {"token": TokenAttention, "channel": ChannelAttention}

    def __init__(
        self,
        form,
        input,
        dim,
        heads,
        depths,
        classes,
        mixers=("token", "token"),
        mlp_ratio=4,
        T=4,
        folded=False,
    ):
        super().__init__()
        attention, *mlp_names = NAMES[form]
        self.stages = len(depths)
        for s, depth in enumerate(depths, 1):
            width = dim >> (self.stages - s)
            if s == 1:
                embed = PatchEmbed(input[0], width, **INITS[form], folded=folded)
            else:
                embed = PatchEmbed(width // 2, width, STAGES[form], -1, folded)
            setattr(self, f"patch_embed{s}", embed)
            last = s == self.stages
            mixer, name = (
                (SelfAttention, attention) if last else (self.MIXERS[mixers[s - 1]], "tssa")
            )
            blocks = [
                Block(width, heads, mlp_ratio, mixer, name, mlp_names, folded)
                for _ in range(depth)
            ]
            setattr(self, f"stage{s}", nn.ModuleList(blocks))
        self.head = nn.Linear(dim, classes)

    def forward(self, x):
        for s in range(1, self.stages + 1):
            x = getattr(self, f"patch_embed{s}")(x)
            for block in getattr(self, f"stage{s}"):
                x = block(x)
        return self.head(mean_tokens(x).mean(0))

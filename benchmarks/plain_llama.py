"""A Llama of torch's own modules: what one would write who had never heard of packing."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu


class Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.RMSNorm(width, eps=1e-5), nn.RMSNorm(width, eps=1e-5)
        self.qkv, self.out = (
            nn.Linear(width, 3 * width, bias=False),
            nn.Linear(width, width, bias=False),
        )
        self.gate, self.up, self.down = (
            nn.Linear(*sizes, bias=False)
            for sizes in ((width, hidden), (width, hidden), (hidden, width))
        )

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        rows, length, width = x.shape
        q, k, v = (
            self.qkv(self.before(x)).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        q, k = (
            torch.cat([t * cosine, t * sine], -1) + torch.cat([-u * sine, u * cosine], -1)
            for t, u in (q.chunk(2, -1), k.chunk(2, -1))
        )
        attention = scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=True)
        x = x + self.out(attention.transpose(1, 2).reshape(rows, length, width))
        normed = self.after(x)
        return x + self.down(silu(self.gate(normed)) * self.up(normed))


class Llama(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.embedding, self.head = (
            nn.Embedding(vocabulary, width),
            nn.Linear(width, vocabulary, bias=False),
        )
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(layers))
        self.norm, self.size = nn.RMSNorm(width, eps=1e-5), width // heads

    def forward(self, tokens: Tensor) -> Tensor:
        """(rows, length, vocabulary) logits."""
        places = torch.arange(tokens.shape[1], device=tokens.device).float()
        angles = torch.outer(
            places, 10_000.0 ** -(torch.arange(0, self.size, 2, device=tokens.device) / self.size)
        )
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, angles.cos(), angles.sin())
        return self.head(self.norm(x))

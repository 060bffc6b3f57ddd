"""The value head and the losses of PPO and reward-weighted updates, over flat lists of tokens."""

from __future__ import annotations

from pathlib import Path

import torch

FILE = "value_head.safetensors"


class ValueHead(torch.nn.Linear):
    """Last hidden state -> expected reward of what follows; float32, and 0 everywhere at the start.

    At zero the first advantages are the rewards themselves, whatever the model's hidden states look like.
    """

    def __init__(self, hidden_size: int, device: torch.device):
        super().__init__(hidden_size, 1, device=device, dtype=torch.float32)
        torch.nn.init.zeros_(self.weight)
        torch.nn.init.zeros_(self.bias)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:  # (tokens, H) -> (tokens,)
        """The values."""
        with torch.autocast(hidden.device.type, enabled=False):
            return super().forward(hidden.float())[:, 0]

    def save(self, folder: str, beta: float) -> None:
        """Writes the head, and where adaptive --beta stood, beside the adapter."""
        from safetensors.torch import save_file

        state = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        save_file(state | {"beta": torch.tensor(beta, dtype=torch.float64)}, str(Path(folder) / FILE))

    def load(self, folder: str) -> float:
        """Reads what `save` wrote; returns beta."""
        from safetensors.torch import load_file

        state = load_file(str(Path(folder) / FILE))
        beta = state.pop("beta").item()
        self.load_state_dict(state)
        return beta


def clipped_surrogate(
    logprobs: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor, clip: float
) -> torch.Tensor:  # all (tokens,)
    """PPO's loss of each token: the larger of -A r and -A clip(r, 1 - clip, 1 + clip), r = pi / pi_old.

    Source: Schulman et al. (arXiv:1707.06347) equation 7; detail 8 of the 37
    (https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/).
    """
    ratio = (logprobs - old).exp()
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip))


def reward_weighted(logprobs: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:  # all (tokens,)
    """Negative log-likelihood of each token, weighted by what the reward was above or below the value.

    Source: Williams 1992 (https://doi.org/10.1007/BF00992696) section 5, REINFORCE with a baseline; here a learned one.
    Its gradient is that of PPO's first pass; without a ratio nothing bounds a second one.
    """
    return -advantages * logprobs


def clipped_value_loss(
    values: torch.Tensor, old: torch.Tensor, returns: torch.Tensor, clip: float
) -> torch.Tensor:  # all (tokens,)
    """Half the larger of (V - R)^2 and (clip(V, V_old - clip, V_old + clip) - R)^2, for each token.

    Source: detail 9 of the 37 (https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/).
    """
    near = old + (values - old).clamp(-clip, clip)
    return 0.5 * torch.maximum((values - returns) ** 2, (near - returns) ** 2)

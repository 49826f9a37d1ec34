"""Training sparse autoencoders on stored vectors. ``Settings`` needs no torch; ``train`` does."""

from recaudit.sae.training.settings import PRESETS, LossWeights, Settings

__all__ = ["PRESETS", "LossWeights", "Settings"]

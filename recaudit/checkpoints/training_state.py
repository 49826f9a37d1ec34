"""Optimisers and schedulers: up to twice the size of the weights, and nobody audits them."""

from __future__ import annotations

from typing import Any

from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.vetted import names

_TRAINING_KEYS = names(
    """
    amp amp_state grad_scaler lr_scheduler lr_scheduler_state_dict lr_schedulers optim
    optim_state optimizer optimizer_state optimizer_state_dict optimizer_states optimizers
    scaler scaler_state_dict scheduler scheduler_state_dict
    """
)


def without_training_state(tree: Any, reading: Reading) -> Any:
    """``tree`` after the top-level entries that only training needs were dropped and noted."""
    if not isinstance(tree, dict):
        return tree
    for key in [key for key in tree if key in _TRAINING_KEYS]:
        if not isinstance(tree[key], (str, int, float, type(None))):
            del tree[key]
            reading.skipped.append(key)
            reading.info("skipped", f"{key} is training state and was left unread", key)
    return tree

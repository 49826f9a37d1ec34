"""Item vectors with a concept planted in them."""

import numpy as np


def planted(n=240, dim=6, concepts=3, strength=2.0, seed=0):
    """Vectors [n, dim] on uneven axes and which items have each concept [n, concepts]; a base rate of about a third."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(dim, concepts))
    x = rng.normal(size=(n, dim)) * np.linspace(0.5, 2, dim) + rng.normal(size=dim)
    logits = strength * (x - x.mean(axis=0)) @ directions / np.linalg.norm(directions, axis=0)
    return x, logits + rng.logistic(size=(n, concepts)) > 1.0

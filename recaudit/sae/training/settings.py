"""How a sparse autoencoder is trained: every choice by name, and the published settings as presets."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from recaudit import __version__
from recaudit.errors import UsageError
from recaudit.text import printable

KINDS = {
    "topk": "the k largest pre-activations of each row, if positive",
    "batchtopk": "the k x rows largest pre-activations of a batch; one threshold when it is used",
    "relu": "every positive pre-activation; sparse by L1 or KL alone",
    "jumprelu": "pre-activations above a learned threshold of the latent, L0 drawn towards k",
}
"""Kind to what it keeps."""

SITES = {
    "user": "the vectors just before scoring",
    "item": "the item vectors",
    "both": "one dictionary for both",
}
"""Site to whose vectors are taken apart."""

TRAINED_NORMS = ("none", "layer_norm", "standardise")
"""Of ``spec.NORMS_IN``, those that a training can ask for."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of the loss.

    Attributes:
        reconstruction: of the squared error, over the variance of the data (``unit = variance``) or over the
            width (``unit = mse``).
        auxiliary: of AuxK: silent latents reconstruct what the others left (Gao et al. 2024).
        l1: of the mean of |z|.
        kl: of Σ_j KL(rho ‖ mean z_j) (Monosemanticity4Rec).
        prediction: of the error in the scores of the frozen recommender.
        sparsity: of (L0 / k - 1)² for ``jumprelu`` (Rajamanoharan et al. 2024).
    """

    reconstruction: float = 1.0
    auxiliary: float = 1 / 32
    l1: float = 0.0
    kl: float = 0.0
    rho: float = 0.05
    prediction: float = 0.0
    sparsity: float = 1.0


@dataclass(frozen=True)
class Settings:
    """All of a training. The defaults are recaudit's own; ``PRESETS`` holds published ones.

    Attributes:
        latents: width of the dictionary; None for ``scale`` x width of the vectors.
        k: latents kept per row; the L0 aimed at for ``jumprelu``; unused for ``relu``.
        prefixes: nested widths of a Matryoshka SAE, the whole last; empty for none.
        start: of the directions: drawn evenly in ``whitened`` space, or ``even`` in the vectors' own.
        rescale: train on vectors divided by their root mean square distance from the mean, and fold that back
            into the weights; otherwise the loss and its weights are in the model's own units.
        unit: what the squared error is divided by: ``variance`` of the data or ``mse``, the width.
        augment: share s of noise. A step sees √(1 - s²) of a row's distance from the mean and s of a draw with the
            covariance of all, so that few rows are not learned by heart (Chapelle et al. 2000, "Vicinal risk
            minimization"). None lets `prepare` choose by their number; a training takes it for 0.
        optimiser: ``adam``, or ``lazy-adam``, in which a latent without a gradient stands still (`Adam`).
        norm_decoder: rows to unit length after each ``step``, each ``epoch``, or ``never``.
        epoch: rows that make an epoch: ``rows`` of the data, or ``interactions`` of the training split, over
            which RecSAE repeats its vectors.
        epochs: at most, None for no limit but ``max_steps``.
        warmup: steps in which the learning rate rises.
        decay: share of the whole in which it falls to zero; 0 keeps it.
        patience: looks without a better one after which the learning rate falls, then training ends. Looks that
            are denser than ``k`` by a quarter do not count, and of ``relu``, which aims at no k, none.
        silent: steps without firing that make a latent dead, so that AuxK revives it; 0 for one epoch.
        auxiliary_latents: of them, at once; as a multiple of the width.
        auxiliary_unit: AuxK's error over that of the ``residual`` (Gao et al.), or over the ``variance``.
    """

    preset: str = "recaudit"
    kind: str = "topk"
    scale: float = 16
    latents: int | None = None
    k: int = 8
    prefixes: tuple[int, ...] = ()
    site: str = "user"
    loss: LossWeights = field(default_factory=LossWeights)
    unit: str = "variance"
    norm_in: str = "none"
    start: str = "whitened"
    rescale: bool = True
    augment: float | None = None
    pre_bias: bool = True
    encoder_bias: bool = True
    tied: bool = False
    norm_decoder: str = "step"
    learning_rate: float = 6e-3
    optimiser: str = "lazy-adam"
    beta2: float = 0.99
    weight_decay: float = 0.0
    batch: int = 512
    epoch: str = "rows"
    epochs: int | None = None
    max_steps: int | None = 4000
    warmup: int = 100
    decay: float = 0.3
    patience: int = 5
    look_every: int = 200
    silent: int = 6
    auxiliary_latents: float = 0.25
    auxiliary_unit: str = "residual"
    seed: int = 0

    @property
    def digest(self) -> str:
        """Of every field and the version: two trainings with the same one and the same data are the same."""
        said = json.dumps([__version__, asdict(self)], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def is_sparse(self) -> bool:
        """Whether a fixed number of latents is kept, so that only those are touched."""
        return self.kind in ("topk", "batchtopk")

    def width(self, dim: int) -> int:
        """Latents for vectors ``dim`` wide."""
        return self.prefixes[-1] if self.prefixes else self.latents or round(self.scale * dim)

    def checked(self, dim: int) -> Settings:
        """These settings, if they can be for vectors ``dim`` wide.

        Raises:
            UsageError: they cannot; says which flag to change.
        """
        self._check_choices()
        self._check_numbers()
        width = self.width(dim)
        if width < 1:
            raise UsageError("a dictionary needs at least one latent", fix="give --scale or --latents")
        if list(self.prefixes) != sorted(set(self.prefixes)) or min(self.prefixes, default=1) < 1:
            raise UsageError("Matryoshka widths must grow", fix="for example --matryoshka 64,256,1024")
        if self.prefixes and self.latents not in (None, width):
            raise UsageError(
                f"the widest of the Matryoshka widths is {width}, and {self.latents} latents are asked for",
                fix="give --matryoshka alone: its last width is the dictionary's",
            )
        if self.kind != "relu" and not 1 <= self.k <= width:
            raise UsageError(f"k = {self.k} of {width} latents", fix="give a smaller --k, or more --latents")
        if self.kind == "relu" and not (self.loss.l1 or self.loss.kl):
            raise UsageError(
                "a relu dictionary without a sparsity term is dense",
                fix="add --loss l1=0.001 or --loss kl=0.01, or choose --kind topk",
            )
        if self.tied and self.start == "whitened":
            raise UsageError(
                "a tied dictionary cannot read and write in different directions", fix="leave out one of both"
            )
        if self.tied and self.norm_decoder != "never":
            raise UsageError(
                "a tied dictionary cannot keep its decoder rows at unit length", fix="leave out one of both"
            )
        return self

    def _check_choices(self) -> None:
        for name, value, known in (
            ("--kind", self.kind, KINDS),
            ("--site", self.site, SITES),
            ("norm_in", self.norm_in, TRAINED_NORMS),
            ("start", self.start, ("whitened", "even")),
            ("unit", self.unit, ("variance", "mse")),
            ("norm_decoder", self.norm_decoder, ("step", "epoch", "never")),
            ("optimiser", self.optimiser, ("adam", "lazy-adam")),
            ("epoch", self.epoch, ("rows", "interactions")),
            ("auxiliary_unit", self.auxiliary_unit, ("residual", "variance")),
        ):
            if value not in known:
                raise UsageError(
                    f"{name} cannot be {printable(value)}", fix=f"choose one of: {', '.join(known)}"
                )

    def _check_numbers(self) -> None:
        for term, weight in asdict(self.loss).items():
            if not (math.isfinite(weight) and weight >= 0):
                raise UsageError(f"the loss cannot have {term} = {weight}", fix=f"--loss {term}=0 or more")
        if not 0 < self.loss.rho < 1:
            raise UsageError(f"rho = {self.loss.rho} is no mean to aim at", fix="for example --loss rho=0.05")
        for name, value, possible in (
            ("scale", self.scale, self.scale > 0),
            ("latents", self.latents, self.latents is None or self.latents > 0),
            ("augment", self.augment, self.augment is None or 0 <= self.augment < 1),
            ("learning_rate", self.learning_rate, 0 < self.learning_rate < math.inf),
            ("beta2", self.beta2, 0 <= self.beta2 < 1),
            ("weight_decay", self.weight_decay, self.weight_decay >= 0),
            ("batch", self.batch, self.batch > 0),
            ("epochs", self.epochs, self.epochs is None or self.epochs > 0),
            ("max_steps", self.max_steps, self.max_steps is None or self.max_steps > 0),
            ("warmup", self.warmup, self.warmup >= 0),
            ("decay", self.decay, 0 <= self.decay < 1),
            ("patience", self.patience, self.patience > 0),
            ("look_every", self.look_every, self.look_every > 0),
            ("silent", self.silent, self.silent >= 0),
            ("auxiliary_latents", self.auxiliary_latents, self.auxiliary_latents > 0),
            ("seed", self.seed, 0 <= self.seed < 2**32),
        ):
            if not possible:
                raise UsageError(f"{name} cannot be {value}", fix="see what it means in `Settings`")
        if self.max_steps is None and self.epochs is None:
            raise UsageError("this training would never end", fix="give --steps")


_M4R = Settings(
    kind="relu", unit="mse", start="even", optimiser="adam", beta2=0.999, rescale=False, augment=0.0, tied=True, norm_decoder="never", site="both",
    learning_rate=1e-3, batch=256, warmup=0, decay=0.0, max_steps=None, patience=10_000, look_every=100, silent=1,
)  # fmt: skip

PRESETS: Mapping[str, Settings] = {
    preset.preset: preset
    for preset in (
        Settings(loss=LossWeights(prediction=1.0)),
        Settings(
            preset="recsae",
            start="even", optimiser="adam", beta2=0.999,
            rescale=False, augment=0.0, norm_decoder="epoch", learning_rate=1e-4,
            weight_decay=1e-6, batch=16, epoch="interactions", epochs=50, max_steps=None, warmup=0, decay=0.0,
            patience=10, look_every=100, silent=0, auxiliary_latents=0.5, auxiliary_unit="variance",
        ),
        replace(
            _M4R, preset="monosemanticity4rec-mf", scale=1.1, norm_in="layer_norm", epochs=18,
            loss=LossWeights(reconstruction=0.1, auxiliary=0, prediction=1, kl=0.01, rho=0.05),
        ),
        replace(
            _M4R, preset="monosemanticity4rec-ncf", scale=1.1, pre_bias=False, epochs=18,
            loss=LossWeights(reconstruction=2, auxiliary=0, prediction=10, kl=0.07, rho=0.05),
        ),
        replace(
            _M4R, preset="monosemanticity4rec-matryoshka", norm_in="layer_norm", prefixes=(20, 40, 80), epochs=30,
            loss=LossWeights(reconstruction=8, auxiliary=0, prediction=5, kl=0.003, rho=0.1, l1=0.3),
        ),
        Settings(
            preset="knots",
            start="even", optimiser="adam", scale=8, k=32, unit="mse", norm_in="standardise", rescale=False, augment=0.0,
            loss=LossWeights(auxiliary=0, l1=3e-4), learning_rate=3e-4, beta2=0.99, batch=1024,
            epochs=250, max_steps=None, warmup=0, decay=0.0, patience=50, look_every=100,
        ),
        Settings(
            preset="popsteer",
            start="even", optimiser="adam", beta2=0.999, batch=2048, scale=64, k=32, rescale=False, augment=0.0, norm_decoder="never",
            loss=LossWeights(auxiliary=0.5), auxiliary_unit="variance", auxiliary_latents=2, silent=0,
            learning_rate=1e-3, epochs=200, max_steps=None, warmup=0, decay=0.0, patience=20, look_every=100,
        ),
    )
}  # fmt: skip
"""Name to settings. A published preset keeps the paper's sizes, weights and optimiser; the recommendations of
its reviewers stand in for what is a mistake in its code (the sign of AuxK, statistics of a batch of four)."""


def preset_named(name: str) -> Settings:
    """Raises:
    UsageError: no such preset; lists them.
    """
    if name not in PRESETS:
        raise UsageError(f"no preset named {name}", fix=f"choose one of: {', '.join(PRESETS)}")
    return PRESETS[name]


def with_loss(settings: Settings, weights: Mapping[str, float]) -> Settings:
    """The settings with some weights of the loss changed.

    Raises:
        UsageError: no such term; lists them.
    """
    known = {term.name for term in fields(LossWeights)}
    for name in weights:
        if name not in known:
            raise UsageError(f"the loss has no term {name}", fix=f"terms are: {', '.join(sorted(known))}")
    changed: Mapping[str, Any] = dict(weights)
    return replace(settings, loss=replace(settings.loss, **changed))

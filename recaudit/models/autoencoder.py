"""Mult-VAE and Mult-DAE (Liang et al. 2018), and C-VAE, which is told a condition (Carraro et al. 2020)."""

from __future__ import annotations

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead
from recaudit.models.profile import profiles
from recaudit.models.shapes import FIX, agree, stack

_BATCH = 4096


class Autoencoder(Recommender):
    """A set of items in, a score for every item out; tanh after every layer but the last.

    The input is ``[r / |r| ; condition]``: r the 0/1 profile, the condition one-hot or all zeros. Whether
    the model is variational is in the shapes: its encoder ends in means and log-variances, twice what the
    decoder takes, and the means go on as they are, without tanh.

    Tensors: ``encoder.{l}.{weight,bias}``, ``decoder.{l}.{weight,bias}``. The decoder's last layer is the
    head: its rows are the item vectors. Settings: ``conditional``, whether input columns past the items are
    conditions rather than a contradiction.
    """

    reads = "set"
    site = "last layer of the decoder before the items"

    def __init__(self, spec: ModelSpec) -> None:
        self._encoder, decoder = stack(spec, "encoder"), stack(spec, "decoder")
        if not self._encoder or not decoder:
            raise InputRefused("an autoencoder needs layers of an encoder and of a decoder", fix=FIX)
        *self._decoder, output = decoder
        self.head = DotHead(output.weight, output.bias)
        self.n_items, self.dim = output.weight.shape
        inputs = self._encoder[0].weight.shape[1]
        self.n_conditions = max(0, inputs - self.n_items) if spec.settings.get("conditional") else 0
        agree("the encoder takes items", inputs - self.n_conditions, "the decoder gives", self.n_items)
        given, self._latent = len(self._encoder[-1].weight), decoder[0].weight.shape[1]
        self._variational = given == 2 * self._latent
        if not self._variational:
            agree("the encoder gives", given, "the decoder takes", self._latent)

    def represent(self, cases: Cases) -> FloatArray:
        result = np.empty((len(cases), self.dim), np.float32)
        for start, chunk in zip(range(0, len(cases), _BATCH), cases.chunks(_BATCH), strict=True):
            result[start : start + len(chunk)] = self._decoded(self.latents(chunk))
        return result

    def latents(self, cases: Cases) -> FloatArray:
        """The code between encoder and decoder, without noise: [n, latent width]."""
        x = self._first_layer(cases)
        for layer in self._encoder[1:]:
            x = layer(np.tanh(x))
        return x[:, : self._latent] if self._variational else np.tanh(x)

    def _decoded(self, x: FloatArray) -> FloatArray:
        for layer in self._decoder:
            x = np.tanh(layer(x))
        return x

    def _first_layer(self, cases: Cases) -> FloatArray:
        """[n, hidden] before its tanh; profiles stay sparse."""
        rows = profiles(cases, self.n_items)
        lengths = np.diff(rows.indptr)
        rows.data /= np.sqrt(np.repeat(lengths, lengths)).astype(np.float32)
        weight, bias = self._encoder[0].weight, self._encoder[0].bias
        x: FloatArray = rows @ weight[:, : self.n_items].T + bias
        if cases.conditions is not None:
            told = cases.conditions >= 0
            x[told] += weight[:, self.n_items + cases.conditions[told]].T
        return x

"""Recommender families, re-implemented for inference. ``build`` turns a ``ModelSpec`` into one."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.base import Cases, Graph, Recommender

FAMILIES = {
    "autoencoder": "recaudit.models.autoencoder:Autoencoder",
    "bert4rec": "recaudit.models.bert4rec:BERT4Rec",
    "biased_fold_in": "recaudit.models.foldin:BiasedFoldIn",
    "cdae": "recaudit.models.cdae:CDAE",
    "comirec": "recaudit.models.interests:ComiRec",
    "dmf": "recaudit.models.dmf:DMF",
    "dot": "recaudit.models.dot:DotProduct",
    "feature_sum": "recaudit.models.feature_sum:FeatureSum",
    "gru4rec": "recaudit.models.gru4rec:GRU4Rec",
    "implicit_fold_in": "recaudit.models.foldin:ImplicitFoldIn",
    "items": "recaudit.models.items:ItemVectors",
    "lightgcn": "recaudit.models.lightgcn:LightGCN",
    "ncf": "recaudit.models.ncf:NCF",
    "ngcf": "recaudit.models.ngcf:NGCF",
    "propagated": "recaudit.models.graph:Propagated",
    "rectools_transformer": "recaudit.models.rectools_transformer:RecToolsTransformer",
    "sasrec": "recaudit.models.sasrec:SASRec",
    "score_table": "recaudit.models.score_table:ScoreTable",
    "simplex": "recaudit.models.simplex:SimpleX",
    "svdpp": "recaudit.models.svdpp:SVDpp",
    "timirec": "recaudit.models.interests:TiMiRec",
    "two_tower": "recaudit.models.two_tower:TwoTower",
}
"""Family name to class; imported when built, so a table of embeddings never loads torch."""

__all__ = ["FAMILIES", "Cases", "Graph", "Recommender", "build"]


def build(spec: ModelSpec) -> Recommender:
    """The recommender that ``spec`` describes.

    Raises:
        InputRefused: tensors that contradict each other; names both.
    """
    module, _, name = FAMILIES[spec.family].partition(":")
    return cast(Recommender, getattr(import_module(module), name)(spec))

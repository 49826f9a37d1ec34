"""The public names of every number an audit stores: gates, reports and users' SQL refer to them.

Add freely, rename never. ``docs/metrics.md`` and ``recaudit metrics`` are generated from here; a subject has a file.
"""

from __future__ import annotations

from recaudit.metrics.catalogue.bias import BIAS
from recaudit.metrics.catalogue.cav import CAV
from recaudit.metrics.catalogue.concepts import CONCEPTS
from recaudit.metrics.catalogue.definition import Definition
from recaudit.metrics.catalogue.labels import LABELS
from recaudit.metrics.catalogue.models import MODELS
from recaudit.metrics.catalogue.steering import STEERING

__all__ = ["BY_NAME", "CATALOGUE", "Definition"]

CATALOGUE: tuple[Definition, ...] = (*MODELS, *CAV, *CONCEPTS, *LABELS, *BIAS, *STEERING)

BY_NAME = {definition.name: definition for definition in CATALOGUE}

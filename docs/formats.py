"""Write ``docs/formats.md`` from the golden fixtures: run ``python docs/formats.py`` with them at hand.

Each row is measured, not claimed: the fixture is opened, run, and held against what the tool itself computed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from recaudit.checkpoints import read_checkpoint  # noqa: E402
from recaudit.errors import InputRefused  # noqa: E402
from tests.models.golden import FOLDERS, Fixture, opened, shown_scores  # noqa: E402
from tests.sae.test_golden_saes import explained_table, golden_rows, opened_sae, weights_of  # noqa: E402

BUCKETS = (1e-6, 1e-5, 1e-4, 2e-3)

PUBLISHED = (
    [
        "gensim 4.4.0",
        "Word2Vec (item2vec)",
        "pickle, word2vec",
        "item vectors only: same nearest items (`tests/models/test_gensim.py`)",
    ],
    [
        "ReChorus git e58d752",
        "BPRMF, SASRec, LightGCN, TiMiRec on MovieLens-1M",
        "torch-zip",
        "HR and NDCG at 5, 10, 20, 50 as printed, to 4 decimals (`tests/analyses/test_published_figures.py`)",
    ],
    [
        "RecBole (PopSteer's authors)",
        "SASRec on MovieLens-1M",
        "torch-zip",
        "NDCG@10 and HR@10 of an independent re-implementation, to 1e-4 (the same test)",
    ],
)
"""What is compared by figures or neighbours instead of golden users."""

HEAD = """# Formats read

What recaudit opens, and how closely it computes what the tool itself computed. The table is written by
`python docs/formats.py` from real files that the named versions made (`tests/models/test_golden.py` and
`tests/sae/test_golden_saes.py` hold the same comparison as tests). *Parity* is the largest difference of a score from
the tool's own, relative to max(1, |score|), over the golden users' twenty best items with seen items in and out; for an
SAE the largest difference of a code.

Containers are told by their first bytes, tools by their keys, never by the file's extension: torch zip and legacy
streams, TorchScript (weights only), pickle and joblib, npz, npy, safetensors, ONNX initialisers, word2vec, parquet and
csv tables. Nothing in a file is executed. For files of no known tool see [Your own model](your-own-model.md).

Whatever a file does not hold is asked for: `--ids` (which row is who), `--heads`, `--history-length`, `--layers`, `--k`,
`--item-features`, `--other-table`. Graph models propagate over the training interactions of `--data`.
"""


LIMITS = """## What cannot be matched, and why

- **RecBole SimpleX** with users whose history is longer than its `history_len`: the tool keeps a randomly chosen part of
  it, decided when the model is built and not saved. Such cases are refused.
- **Monosemanticity4Rec's MF autoencoder** was trained on batches scaled by their own extremes, which are not on disk; it
  is read without that scaling, as its golden values are. Whether a bare state dict normalises its rows is not in it either:
  it is read as the notebooks train it, and the self-check tries the other way.
- **Monosemanticity4Rec's CSV factors** lack the global mean: rankings are exact, scores are those before the sigmoid.
- **LibRecommender's SVD++ and NGCF, RecTools models with cosine or feature nets, Knots' BatchTopK** are refused by name.
- **LensKit 2026** keeps 2025's attributes and equations, as its sources (2026.4) tell; no file of it was tried.
- **Item-only files** (gensim) are read and scanned, but have no users to audit.
"""


def recommender_rows() -> Iterator[list[str]]:
    """One row per recommender fixture: tool, model, files, parity."""
    for folder in FOLDERS:
        fix = opened(folder)
        golden = fix.manifest.get("golden")
        if isinstance(golden, list) and golden and ("top_all" in golden[0] or "rec" in golden[0]):
            yield [*_named(fix), _files(fix), _parity(fix)]
    yield from PUBLISHED


def sae_rows() -> Iterator[list[str]]:
    """One row per SAE fixture."""
    for folder in FOLDERS:
        fix = opened(folder)
        if "explains" not in fix.manifest:
            continue
        rows = golden_rows(fix.manifest)
        x = explained_table(fix)[[golden["row"] for golden in rows]]
        worst = 0.0
        for path in weights_of(folder):
            codes = opened_sae(path).encode(x).matrix().toarray()
            for golden, code in zip(rows, codes, strict=True):
                worst = max(worst, *(abs(code[unit] - value) for unit, value in golden["top_units"]))
        files = ", ".join(str(path.relative_to(folder)) for path in weights_of(folder))
        yield [*_named(fix), files, f"codes within {_bucket(worst)}"]


def _named(fix: Fixture) -> list[str]:
    version = str(fix.manifest.get("tool_version", "")).split(",")[0]
    return [f"{fix.manifest['tool'].split(' git')[0]} {version}", str(fix.manifest["model"]).split(" (")[0]]


def _files(fix: Fixture) -> str:
    formats = []
    for path in fix.files:
        try:
            formats.append(read_checkpoint(path).receipt.format)
        except InputRefused:
            continue
    return ", ".join(dict.fromkeys(formats))


def _parity(fix: Fixture) -> str:
    golden = fix.manifest["golden"]
    try:
        scores = shown_scores(fix.model(), fix.cases(golden))
    except InputRefused as refused:
        return f"not read: {refused.message}"
    worst, misplaced = 0.0, 0
    for ours, user in zip(scores, golden, strict=True):
        lists = user.get("rec", user)
        expected = np.array([score for *_, score in lists["top_all"]])
        rows = [row for _, row, _ in lists["top_all"]]
        worst = max(worst, float((np.abs(ours[rows] - expected) / np.maximum(1, np.abs(expected))).max()))
        outside = fix.padding | set(range(len(fix.ids["item"]) + len(fix.padding), len(ours)))
        competing = ours.copy()
        competing[list(outside)] = -np.inf
        slack = 1e-5 * max(1.0, abs(competing[rows].min()))
        misplaced += len(set(np.flatnonzero(competing > competing[rows].min() + slack)) - set(rows))
    lists_said = "same lists" if not misplaced else f"{misplaced} items misplaced"
    return f"{lists_said}, scores within {_bucket(worst)}"


def _bucket(value: float) -> str:
    return next((f"{bound:.0e}".replace("e-0", "e-") for bound in BUCKETS if value <= bound), f"{value:.1e}")


def _table(header: list[str], rows: Iterator[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|---" * len(header) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def page() -> str:
    """The whole page."""
    lines = [
        HEAD,
        "## Recommenders",
        "",
        *_table(["tool", "model", "containers", "parity"], recommender_rows()),
        "",
        "## Sparse autoencoders",
        "",
        *_table(["tool", "architecture", "files", "parity"], sae_rows()),
        "",
        LIMITS,
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "formats.md").write_text(page(), encoding="utf-8")

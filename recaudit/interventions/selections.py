"""Words that stand for latents: ``concept:Horror``, ``popularity:8``, ``group:gender=F:4``, ``label:slasher``."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from recaudit.errors import NoVerdictError, UsageError
from recaudit.interventions.edits import Edit, Intervention
from recaudit.store import Audit
from recaudit.store import interventions as store
from recaudit.store.read import Model, Sae
from recaudit.text import printable

FORMS = {
    "concept:NAME[:N]": "the N latents that stand for a concept best (1 unless said; needs `recaudit concepts`)",
    "popularity[:N]": "the N latents that go with popularity most (8 unless said; needs `recaudit bias`)",
    "niche[:N]": "the N that go against it",
    "group:ATTRIBUTE=VALUE[:N]": "the N latents that tell a user group apart (8 unless said; needs `recaudit bias`)",
    "label:TEXT": "every latent whose name holds the text (needs `recaudit label`)",
}
"""How a selection is written, for help and documentation."""


def resolved(audit: Audit, model: Model, sae: Sae | None, intervention: Intervention) -> Intervention:
    """The same with every ``select`` replaced by latents, tied to the dictionary.

    Raises:
        UsageError: the dictionary is another one than the intervention was made for, or a latent is not in it.
        NoVerdictError: a selection finds nothing; says which command fills it.
    """
    if not intervention.of_latents:
        return replace(intervention, dictionary=None, dictionary_sha256=None)
    sae = checked(model, sae, intervention)
    edits = tuple(_with_latents(audit, model, sae, edit) for edit in intervention.edits)
    return replace(intervention, edits=edits, dictionary=sae.name, dictionary_sha256=sae.sha256)


def latents_of(audit: Audit, model: Model, sae: Sae, words: str) -> tuple[int, ...]:
    """Latents that a selection stands for, strongest first.

    Raises:
        UsageError: not a selection. NoVerdictError: nothing is stored for it.
    """
    kind, _, rest = words.partition(":")
    if kind == "concept":
        name, n = _counted(rest, 1)
        found, fill = store.latents_of_concept(audit, sae, name), "recaudit concepts"
        return _first(found, n, f"no latent stands for {printable(name)}", fill, model)
    if kind in ("popularity", "niche"):
        n = _counted(f":{rest}" if rest else "", 8)[1]
        found = store.latents_of_popularity(audit, sae, up=kind == "popularity")
        return _first(found, n, "no latent is known to go with popularity", "recaudit bias", model)
    if kind == "group":
        name, n = _counted(rest, 8)
        found = store.latents_of_group(audit, sae, name)
        return _first(found, n, f"no latent is known to tell {printable(name)} apart", "recaudit bias", model)
    if kind == "label":
        found = store.latents_named(audit, sae, rest)
        return _first(found, len(found), f"no latent is named {printable(rest)}", "recaudit label", model)
    raise UsageError(f"selection {printable(words)}: unknown", fix=f"write one of: {', '.join(FORMS)}")


def _counted(words: str, default: int) -> tuple[str, int]:
    match = re.fullmatch(r"(.*?)(?::(\d+))?", words, re.DOTALL)
    assert match is not None
    return match[1], int(match[2] or default)


def _first(found: list[int], n: int, missing: str, fill: str, model: Model) -> tuple[int, ...]:
    if not found:
        raise NoVerdictError(
            missing, fix=f"run `{fill} {printable(model.name)}` first, or name latents by number"
        )
    return tuple(found[:n])


def checked(model: Model, sae: Sae | None, intervention: Intervention) -> Sae:
    """The dictionary, if the intervention's edits of latents can be done with it.

    Raises:
        UsageError, NoVerdictError: as ``resolved``.
    """
    if sae is None:
        raise NoVerdictError(
            f"model {printable(model.name)} has no dictionary, and the intervention edits latents",
            fix="train one with `recaudit train`, or edit along a direction",
        )
    wanted = intervention.dictionary_sha256
    if wanted is not None and not sae.sha256.startswith(wanted):
        raise UsageError(
            f"the intervention was made for a dictionary with hash {printable(wanted[:12])}, {printable(sae.name)} has "
            f"{sae.sha256[:12]}: its latents are others",
            fix="choose the latents anew, or use the dictionary it was made for (--sae NAME)",
        )
    for edit in intervention.edits:
        beyond = [latent for latent in edit.latents if latent >= sae.n_latents]
        if beyond:
            raise UsageError(
                f"latent {beyond[0]} is beyond the {sae.n_latents:,} of {printable(sae.name)}",
                fix="list them with `recaudit latents`",
            )
        wanted_kind = "item" if edit.items else "case"
        if edit.direction is None and wanted_kind not in sae.entity_kinds:
            raise UsageError(
                f"{printable(sae.name)} takes {'users' if edit.items else 'items'}' vectors apart, the edit is of "
                f"{'items' if edit.items else 'users'}",
                fix=f"train one with --site {'item' if edit.items else 'user'} or --site both",
            )
        if edit.place == "pre-activations" and sae.activation == "gated":
            raise UsageError(
                f"{printable(sae.name)} is gated: its pre-activations have two parts",
                fix='add `at = "codes"` to the edit',
            )
    return sae


def _with_latents(audit: Audit, model: Model, sae: Sae, edit: Edit) -> Edit:
    if edit.select is None:
        return edit
    return edit.with_latents(tuple(int(j) for j in np.sort(latents_of(audit, model, sae, edit.select))))

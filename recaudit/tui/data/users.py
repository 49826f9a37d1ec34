"""Everything about one user: history, recommendations with the latents behind them, profile."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from recaudit.analyses.cav.profile import profile
from recaudit.analyses.explain import explained, latents_behind
from recaudit.analyses.recommend import case_of, recommended
from recaudit.errors import RecauditError
from recaudit.report.layout import number
from recaudit.store import Audit, cav, listings, read, views
from recaudit.text import printable
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.data.write_out import facts, frame_block
from recaudit.tui.host import Subject
from recaudit.tui.places import Place

LIST = 10
BEHIND = 3
HISTORY = 40
LATENTS = 15


def blocks(audit: Audit, subject: Subject, user: str) -> Iterator[Block]:
    """The page of a user, by raw id."""
    model = subject.model
    index = read.user_index(audit, model, user)
    yield facts(
        "user", f"User {printable(user)}", listings.user_facts(audit, model, index),
        f"SELECT * FROM interactions WHERE dataset_id = {model.dataset_id} AND user_id = {index} ORDER BY position",
    )  # fmt: skip
    newest = views.newest_case(audit, model, index)
    if newest is None:
        yield facts(
            "none",
            "Not a case of this model",
            [("why", "it does not know the user, or has no history of theirs")],
        )
        yield _history(audit, subject, index)
        return
    yield from _recommendations(audit, subject, user)
    if subject.sae is not None and "case" in subject.sae.entity_kinds:
        yield _latents(audit, subject, newest)
    yield from _profile(audit, subject, user)
    yield _history(audit, subject, index)


def _recommendations(audit: Audit, subject: Subject, user: str) -> Iterator[Block]:
    model, sae = subject.model, subject.sae
    found = recommended(audit, model.name, user, k=LIST)
    case = case_of(audit, model, user, "test")
    items = [read.item_index(audit, model, raw) for raw, _, _ in found]
    behind, said = [[] for _ in items], ""  # type: ignore[var-annotated]
    try:
        if sae is not None:
            behind = latents_behind(audit, model, sae, case, items, most=BEHIND)
    except RecauditError as error:
        said = f" {error.message}."
    names = listings.latent_names(audit, sae) if sae is not None else {}
    rows = []
    for rank, ((raw, title, score), parts) in enumerate(zip(found, behind, strict=True), start=1):
        made = ", ".join(
            f"{part.latent}{' ' + printable(names[part.latent], 18) if part.latent in names else ''} {part.amount:+.2f}"
            for part in parts
        )
        places = (Place("item", raw), *(Place("latent", str(part.latent)) for part in parts))
        shown = (str(rank), printable(title or raw, 40), number(score), made)
        rows.append(Row(shown, (rank, title or raw, score, made), places))
    yield Block(
        "recommendations", "Recommendations, and the latents that made them",
        f"For the history before the held-out item. Behind a latent stands what it adds to the score, exactly.{said}",
        (Column("", right=True), Column("title"), Column("score", right=True), Column("made by")),
        tuple(rows), f"SELECT * FROM recommendations WHERE model_id = {model.model_id} AND case_id = {case}", len(rows),
    )  # fmt: skip
    if found and not said:
        yield _first(audit, subject, user, found[0][0], found[0][1] or found[0][0], names)


def _first(audit: Audit, subject: Subject, user: str, item: str, title: str, names: dict[int, str]) -> Block:
    try:
        whole = explained(
            audit, subject.model.name, user, item, sae_name=subject.sae.name if subject.sae else None
        )
    except RecauditError as error:
        return facts("explained", "Its first recommendation", [("no split", error.message)])
    frame = pd.DataFrame(
        [
            (part.part, part.latent, names.get(part.latent or -1), part.activation, part.amount)
            for part in whole.parts[:12]
        ],
        columns=["part", "latent", "name", "activation", "amount"],
        dtype=object,  # latents stay whole numbers beside parts that are none
    )
    return frame_block(
        "explained", f"Why {printable(title, 50)}: the parts of its score, {number(whole.score)}", frame,
        caption="Latents, biases and what the dictionary misses; all parts sum to the score.",
        sql=f"-- recaudit explain {subject.model.name} {user} {item}", shown_of=len(whole.parts),
    )  # fmt: skip


def _latents(audit: Audit, subject: Subject, case: int) -> Block:
    assert subject.sae is not None
    found = views.case_latents(audit, subject.sae, case)
    names = listings.latent_names(audit, subject.sae)
    found.insert(1, "name", [names.get(int(latent)) for latent in found["latent"]])
    return frame_block(
        "latents", "Latents that fire on everything known", found.head(LATENTS),
        caption="Contribution: value x length of the decoder row.", shown_of=len(found),
        sql=f"SELECT * FROM activations WHERE sae_id = {subject.sae.sae_id} AND entity_kind = 'case' AND entity_id = {case}",
    )  # fmt: skip


def _profile(audit: Audit, subject: Subject, user: str) -> Iterator[Block]:
    variants = cav.variants(audit, subject.model.model_id)
    if not variants:
        yield facts(
            "profile",
            "Profile",
            [("none yet", "run `recaudit cav` to see what the model makes of the user, concept by concept")],
        )
        return
    try:
        found = profile(audit, subject.model, user, variants[0])
    except RecauditError as error:
        yield facts("profile", "Profile", [("none", error.message)])
        return
    said = ", ".join(
        f"{what} {agreement.value:.2f} over {agreement.n} concepts"
        for what, agreement in (("history", found.with_history), ("ratings", found.with_ratings))
        if agreement.value == agreement.value
    )
    shown = found.concepts[
        ["kind", "concept", "percentile", "share", "mean_share", "rated", "rated_outside", "ratings"]
    ]
    yield frame_block(
        "profile", "What the model makes of the user, against history and ratings", shown,
        caption="percentile: of the model's sensitivity among users; share of the history and of all histories; ratings in "
        f"the concept and outside.{' Agreement (Spearman) with ' + said + '.' if said else ''}",
        sql=f"-- recaudit profile {subject.model.name} {user}",
    )  # fmt: skip


def _history(audit: Audit, subject: Subject, index: int) -> Block:
    found, total = listings.history(audit, subject.model.dataset_id, index, HISTORY)
    return frame_block(
        "history", "History, newest first", found, shown_of=total,
        sql=f"SELECT * FROM interactions WHERE dataset_id = {subject.model.dataset_id} AND user_id = {index} ORDER BY position DESC",
    )  # fmt: skip

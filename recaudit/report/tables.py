"""The report's own tables: who its figures rest on, latents and their items, one user, one item. Reads only."""

from __future__ import annotations

from recaudit.analyses import attribution
from recaudit.report.model import TableSection, section
from recaudit.store import Audit, read, views
from recaudit.store.read import Model, Sae

LATENTS_SHOWN = 8
ITEMS_PER_LATENT = 5
HISTORY_SHOWN = 10


def of_model(audit: Audit, model: Model) -> list[TableSection]:
    """Who the ranking figures rest on."""
    return [_ranking_table(audit, model)]


def of_latents(audit: Audit, model: Model, sae: Sae, rule: str) -> list[TableSection]:
    """The strongest latents with their items, one user's codes and one item's latents."""
    tables = [_latent_table(audit, model, sae, rule, by) for by in ("count", "strength", "lift")]
    user = _example_user(audit, model)
    if user is not None:
        tables += _user_tables(audit, model, sae, user)
    item = _example_item(audit, model)
    if item is not None:
        tables.append(_item_table(audit, model, sae, item, rule))
    return tables


def _ranking_table(audit: Audit, model: Model) -> TableSection:
    sql = (
        f"SELECT user_id, count(*) AS test_rows FROM targets JOIN cases USING (model_id, case_id) "
        f"WHERE model_id = {model.model_id} AND split = 'test' GROUP BY ALL ORDER BY test_rows DESC"
    )
    rows = views.test_rows_by_user(audit, model)
    rows = rows if rows["rows"].max() > 1 else rows.head(0)  # one row each: nobody outweighs anybody
    return section(
        "test_users",
        "Who the ranking figures rest on",
        "Users with most held-out test rows. A few heavy users can decide an average over rows.",
        rows.head(5),
        sql,
        len(rows),
    )


def _latent_table(audit: Audit, model: Model, sae: Sae, rule: str, by: str) -> TableSection:
    latents = attribution.strongest(audit, sae, LATENTS_SHOWN)
    items = attribution.items_of_latents(audit, model, sae, latents, rule=rule, by=by, limit=ITEMS_PER_LATENT)
    place = {latent: order for order, latent in enumerate(latents)}
    items = items.sort_values(
        ["latent", "rank"], key=lambda column: column.map(place) if column.name == "latent" else column
    )
    shown = items[["latent", "title", "item", "count", "users", "strength", "lift", "q"]].copy()
    shown["title"] = shown["title"].where(shown["title"].notna(), shown["item"])
    return section(
        f"latent_items_by_{by}",
        f"Strongest latents, their items by {by}",
        f"An item belongs to a case as {attribution.RULES[rule]}; {by}: {attribution.ORDERS[by]}. "
        "Latents that fire for more than half of the users are left out.",
        shown,
        f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND entity_kind = 'case'",
        len(shown),
    )


def _example_user(audit: Audit, model: Model) -> str | None:
    """The user of median history length: the first by id would be a whim, the heaviest an outlier."""
    rows = audit.rows(
        "SELECT raw_id FROM cases c JOIN users u ON u.dataset_id = ? AND u.user_id = c.user_id "
        "WHERE model_id = ? AND kind IN ('user', 'latest') ORDER BY history_end, c.user_id",
        [model.dataset_id, model.model_id],
    )
    return str(rows[len(rows) // 2][0]) if rows else None


def _user_tables(audit: Audit, model: Model, sae: Sae, user: str) -> list[TableSection]:
    case = views.newest_case(audit, model, read.user_index(audit, model, user))
    if case is None:
        return []
    history = views.case_history(audit, model, case, HISTORY_SHOWN)
    latents = views.case_latents(audit, sae, case)
    return [
        section(
            "user_history",
            f"User {user}: history",
            "Newest first. A user of median history length; `recaudit latents --user ID` shows any other.",
            history,
            f"SELECT * FROM interactions WHERE dataset_id = {model.dataset_id} AND user_id = "
            f"{read.user_index(audit, model, user)} ORDER BY position DESC",
            len(history),
        ),
        section(
            "user_latents",
            f"User {user}: active latents",
            "Contribution is value x decoder norm, comparable between latents; a density above .1 marks a "
            "latent that fires for many users.",
            latents,
            f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND entity_id = {case} "
            "AND entity_kind = 'case'",
            len(latents),
        ),
    ]


def _example_item(audit: Audit, model: Model) -> str | None:
    """The item most often recommended first."""
    rows = audit.rows(
        "SELECT raw_id FROM recommendations r JOIN items i ON i.dataset_id = ? AND i.item_id = r.item_id "
        "WHERE model_id = ? AND sae_id IS NULL AND protocol = ? AND rank = 1 GROUP BY raw_id ORDER BY count(*) DESC, raw_id LIMIT 1",
        [model.dataset_id, model.model_id, model.protocol],
    )
    return str(rows[0][0]) if rows else None


def _item_table(audit: Audit, model: Model, sae: Sae, item: str, rule: str) -> TableSection:
    index = read.item_index(audit, model, item)
    found = attribution.latents_of_items(audit, model, sae, [index], rule=rule, by="strength")
    title = found["title"].iloc[0] if len(found) and found["title"].iloc[0] else item
    return section(
        "item_latents",
        f"Item {title}: its latents",
        f"The item most often recommended first; it belongs to a case as {attribution.RULES[rule]}. "
        "Strength is the sum of the latent's values over those cases; lift corrects for latents that always fire.",
        found[["latent", "count", "users", "strength", "mean", "lift", "q"]],
        f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND entity_kind = 'case'",
        len(found),
    )

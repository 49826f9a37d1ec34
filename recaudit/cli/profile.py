"""``recaudit profile``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recaudit.cli.output import db_option, format_option, limit_option, note, show_frame
from recaudit.text import printable

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@click.argument("model")
@click.argument("user")
@click.option("--negatives", default="all", show_default=True, help="Of the CAVs, as in `recaudit cav`.")
@click.option("--multilabel", default="one-vs-rest", show_default=True, help="Likewise.")
@click.option("--scaling", default="centre-norm", show_default=True, help="Likewise.")
@click.option("--null", default="free", show_default=True, help="Likewise.")
@limit_option(20)
@format_option
@db_option
def profile(
    model: str,
    user: str,
    negatives: str,
    multilabel: str,
    scaling: str,
    null: str,
    limit: int,
    format_: str,
    db: Path,
) -> None:
    """What MODEL makes of USER, concept by concept, against what USER watched and how they rated it.

    Percentile: the share of users whose scores move less along the concept. Reads what `recaudit cav` stored.
    """
    from recaudit.analyses.cav.profile import profile as profiled
    from recaudit.analyses.cav.settings import Settings
    from recaudit.store import conditions, read, reading

    settings = Settings(negatives=negatives, multilabel=multilabel, scaling=scaling, null=null)
    with reading(db) as audit:
        chosen = read.model_named(audit, model)
        found = profiled(audit, chosen, user, settings.variant)
        index = read.user_index(audit, chosen, user)
        spaces = conditions.spaces(audit, chosen)
        places = {
            space: conditions.user_places(audit, chosen, space, index)
            for space in spaces
            if space != "untrained"
        }
    rows = found.concepts.drop(columns="cav_id")
    show_frame(rows if limit < 0 else rows.head(limit), format_, of=len(rows))
    if format_ != "table":
        return
    for said, frame in (
        ("items of the history that lie farthest along the strongest concepts", found.items),
        ("latents that carry the sensitivity", found.latents),
        *(
            (f"under each condition, on the components of the {printable(space)} space", _wide(own))
            for space, own in places.items()
        ),
    ):
        if len(frame):
            note("")
            note(said)
            show_frame(frame, format_)


def _wide(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    if frame.empty:
        return frame
    axes = pd.DataFrame(frame["place"].to_list(), index=frame.index)
    axes.columns = [f"component {number + 1}" for number in range(axes.shape[1])]
    return pd.concat([frame[["condition"]], axes], axis=1).sort_values("component 1", ignore_index=True)

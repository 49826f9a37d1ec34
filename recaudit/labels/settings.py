"""How many cases name a latent and how many verify the name; the published procedure as a preset."""

from __future__ import annotations

from dataclasses import dataclass

from recaudit.errors import UsageError
from recaudit.text import printable


@dataclass(frozen=True)
class Settings:
    """One way to name and verify."""

    protocol: str
    about: str
    least: int
    """N: a latent with fewer than 2N distinct owners is not named."""
    construct: int
    """Entities the name is made from, at most."""
    trials: int
    """Entities held out, at most; as many random controls and hard controls again."""
    hard: bool
    """Hard controls too."""
    published: bool
    """RecSAE's rules: entities of any user, verification filled up from construction, global levels."""
    together: int
    """Entities a language model judges in one question."""


PROTOCOLS = {
    settings.protocol: settings
    for settings in (
        Settings(
            "default",
            "up to 20 strong cases of distinct users name a latent, up to 20 of other users verify the name beside "
            "as many random and hard controls",
            least=5,
            construct=20,
            trials=20,
            hard=True,
            published=False,
            together=5,
        ),
        Settings(
            "recsae",
            "as published (arXiv 2411.06112): the ten strongest rows of any user, five to name and five to verify, the "
            "same rows for both where there are few, five random controls; for comparison only",
            least=5,
            construct=5,
            trials=5,
            hard=False,
            published=True,
            together=1,
        ),
    )
}


def settings_named(name: str) -> Settings:
    """Raises:
    UsageError: no such labelling protocol; lists them.
    """
    if name not in PROTOCOLS:
        raise UsageError(
            f"no labelling protocol named {printable(name)}", fix=f"choose one of: {', '.join(PROTOCOLS)}"
        )
    return PROTOCOLS[name]

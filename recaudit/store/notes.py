"""What people pin to entities of an audit: bookmarks and notes."""

from __future__ import annotations

from datetime import UTC, datetime

from recaudit.store.audit import Audit
from recaudit.store.read import Sae


def bookmarked(audit: Audit, sae: Sae, latent: int) -> bool:
    """Whether a latent is marked."""
    return bool(
        audit.rows(
            "SELECT 1 FROM bookmarks WHERE sae_id = ? AND kind = 'latent' AND entity = ?",
            [sae.sae_id, str(latent)],
        )
    )


def note(audit: Audit, sae: Sae, latent: int) -> tuple[str, str] | None:
    """Text and author of a latent's note."""
    rows = audit.rows(
        "SELECT text, author FROM notes WHERE sae_id = ? AND kind = 'latent' AND entity = ?",
        [sae.sae_id, str(latent)],
    )
    return (str(rows[0][0]), str(rows[0][1])) if rows else None


def mark(audit: Audit, sae: Sae, latent: int, author: str) -> bool:
    """Mark a latent, or take the mark away; returns whether it is marked now."""
    if bookmarked(audit, sae, latent):
        audit.connection.execute(
            "DELETE FROM bookmarks WHERE sae_id = ? AND kind = 'latent' AND entity = ?",
            [sae.sae_id, str(latent)],
        )
        return False
    audit.connection.execute(
        "INSERT INTO bookmarks VALUES (?, 'latent', ?, ?, ?)", [sae.sae_id, str(latent), author, _now()]
    )
    return True


def write_note(audit: Audit, sae: Sae, latent: int, text: str, author: str) -> None:
    """Give a latent a note instead of the one it has; an empty text takes it away."""
    audit.connection.execute(
        "DELETE FROM notes WHERE sae_id = ? AND kind = 'latent' AND entity = ?", [sae.sae_id, str(latent)]
    )
    if text:
        audit.connection.execute(
            "INSERT INTO notes VALUES (?, 'latent', ?, ?, ?, ?)",
            [sae.sae_id, str(latent), text, author, _now()],
        )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)

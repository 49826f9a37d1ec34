"""The tabs in their order. A new pane is one line here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recaudit.tui.panes.pane import Pane


@dataclass(frozen=True)
class Tab:
    """``digit`` is the key that shows it, ``short`` its name where the screen is narrow."""

    id: str
    digit: str
    title: str
    short: str
    made_by: str
    """Module and class; imported when the tab is first shown."""

    def make(self) -> Pane:
        """The pane itself."""
        module, _, name = self.made_by.partition(":")
        pane: Pane = getattr(import_module(f"recaudit.tui.panes.{module}"), name)(id=self.id)
        return pane


TABS = (
    Tab("overview", "1", "Overview", "Overview", "overview:OverviewPane"),
    Tab("latents", "2", "Latents", "Latents", "latents:LatentsPane"),
    Tab("concepts", "3", "Concepts", "Concepts", "entities:ConceptsPane"),
    Tab("users", "4", "Users", "Users", "entities:UsersPane"),
    Tab("items", "5", "Items", "Items", "entities:ItemsPane"),
    Tab("bias", "6", "Bias", "Bias", "bias:BiasPane"),
    Tab("interventions", "7", "Interventions", "Steer", "interventions:InterventionsPane"),
    Tab("compare", "8", "Compare", "Diff", "compare:ComparePane"),
    Tab("gate", "9", "Gate", "Gate", "gate:GatePane"),
    Tab("sql", "0", "SQL", "SQL", "sql:SqlPane"),
)
BY_ID = {tab.id: tab for tab in TABS}

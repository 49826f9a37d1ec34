"""A model that can be steered: an audit's vectors, codes and directions, ready for any intervention.

``Steering.of_audit`` reads everything once; after that no audit file is needed. Live views keep one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.analyses.reconstruction import stored_codes
from recaudit.errors import UsageError
from recaudit.interventions.apply import Reference, edited, encoded
from recaudit.interventions.bench import Bench, Outcome, prepared
from recaudit.interventions.directions import directions_of
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.price import Price, priced
from recaudit.interventions.yardstick import Yardstick, of_audit
from recaudit.store import Audit, read
from recaudit.store.read import Catalogue, Model, Sae
from recaudit.text import printable

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

ONE_USER = "user="
"""Before a raw id: an edit for a single user, where a group's name would stand."""


@dataclass(frozen=True)
class Side:
    """Vectors of users' cases or of items, their codes, and what amounts are measured by."""

    x: FloatArray
    codes: csr_array | None
    reference: Reference

    @cached_property
    def plain(self) -> csr_array:
        """``apply.encoded`` of all vectors: what edits before the activation are compared with."""
        return encoded(self.x, self.reference)


@dataclass(frozen=True)
class Steering:
    """See the module.

    Attributes:
        bench: ranks edited vectors.
        users: the cases' side.
        items: the catalogue's side; its codes are None where the dictionary encodes no items.
        raw_items: raw id to column of the catalogue.
        raw_users: [dense user] raw ids.
    """

    model: Model
    sae: Sae | None
    bench: Bench
    yardstick: Yardstick
    users: Side
    items: Side
    raw_items: dict[str, int]
    raw_users: NDArray[np.object_]

    @classmethod
    def of_audit(
        cls,
        audit: Audit,
        model: Model,
        sae: Sae | None,
        *,
        directions: Sequence[str] = (),
        watched: Sequence[str] = (),
        protocol: str | None = None,
        seed: int = 0,
    ) -> Steering:
        """Args:
            directions: that interventions may name, see ``directions``.
            watched: concepts whose places in lists are counted.

        Raises:
            UsageError: no such concept or protocol. NoVerdictError: a direction is not stored.
        """
        bench = prepared(audit, model, protocol=protocol, seed=seed)
        spec = None if sae is None else read.sae_spec(audit, model, sae)
        catalogue = bench.field.catalogue
        found = directions_of(audit, model, bench, directions)
        codes: dict[str, csr_array | None] = {"case": None, "item": None}
        for kind, ids in (("case", bench.field.cases.case_id), ("item", catalogue.item_id)):
            if sae is not None and kind in sae.entity_kinds:
                codes[kind] = stored_codes(audit, sae, kind, ids).matrix()
        case_codes = codes["case"]
        newest = None if case_codes is None else case_codes[bench.newest].tocsc()
        item_codes = codes["item"]
        raw, _ = read.raw_items(audit, model.dataset_id)
        return cls(
            model,
            sae,
            bench,
            of_audit(audit, bench, watched=watched),
            Side(bench.x, case_codes, Reference(spec, bench.x[bench.newest], newest, found)),
            Side(
                catalogue.vectors,
                item_codes,
                Reference(spec, catalogue.vectors, None if item_codes is None else item_codes.tocsc(), found),
            ),
            {str(raw[item]): column for column, item in enumerate(catalogue.item_id)},
            read.raw_users(audit, model.dataset_id),
        )

    def vectors(self, intervention: Intervention, cases: IntArray | None = None) -> FloatArray:
        """Cases' vectors under the intervention [cases, dim]; edits of items left out.

        Args:
            cases: places of the cases to do; all of them unless given.

        Raises:
            UsageError: no such user or user group.
        """
        own = [edit for edit in intervention.edits if not edit.items]
        masks = [self.audience(edit) for edit in own]
        x, codes, plain = self.users.x, self.users.codes, None
        if cases is not None:
            masks = [mask[cases] for mask in masks]
            x, codes = x[cases], None if codes is None else codes[cases]
        elif any(edit.place == "pre-activations" for edit in own):
            plain = self.users.plain
        return edited(replace(intervention, edits=tuple(own)), x, codes, masks, self.users.reference, plain)

    def catalogue(self, intervention: Intervention) -> Catalogue | None:
        """The catalogue under the intervention; None where no edit is of items.

        Raises:
            UsageError: no such item.
        """
        own = [edit for edit in intervention.edits if edit.items]
        if not own:
            return None
        masks = [self._items_of(edit) for edit in own]
        x = edited(
            replace(intervention, edits=tuple(own)),
            self.items.x,
            self.items.codes,
            masks,
            self.items.reference,
        )
        return replace(self.bench.field.catalogue, vectors=x)

    def outcome(self, intervention: Intervention) -> Outcome:
        """Lists and ranks under the intervention. Latents must be resolved (``selections.resolved``)."""
        return self.bench.outcome(self.vectors(intervention), self.catalogue(intervention))

    def priced(self, intervention: Intervention, *, seed: int = 0, draws: int = 1000) -> list[Price]:
        """What it costs and gains; ``draws = 0`` for values without intervals."""
        return priced(self.bench, self.yardstick, self.outcome(intervention), seed=seed, draws=draws)

    def rows_of(self, edit: Edit) -> BoolArray:
        """Which cases, or columns of the catalogue, an edit is for."""
        return self._items_of(edit) if edit.items else self.audience(edit)

    def audience(self, edit: Edit) -> BoolArray:
        """Cases that an edit of users is for: [cases].

        Raises:
            UsageError: no such user or user group.
        """
        if edit.users is None:
            return np.ones(len(self.users.x), dtype=bool)
        if edit.users not in self.yardstick.groups and edit.users.startswith(ONE_USER):
            return self._cases_of(edit.users.removeprefix(ONE_USER))
        return self.group(edit.users)[self.bench.field.cases.user]

    def group(self, name: str) -> BoolArray:
        """Who is in a user group, ``gender=F``: [dense user].

        Raises:
            UsageError: no such group; lists them.
        """
        groups = self.yardstick.groups
        if name not in groups:
            known = ", ".join(printable(one, 32) for one in groups)
            raise UsageError(
                f"no user group {printable(name)}",
                fix=f"choose one of: {known}" if known else "the data has no user groups: leave `users` out",
            )
        return groups[name]

    def _cases_of(self, raw: str) -> BoolArray:
        (user,) = np.nonzero(self.raw_users == raw)
        mask = np.isin(self.bench.field.cases.user, user)
        if not mask.any():
            raise UsageError(
                f"model {printable(self.model.name)} has no case of user {printable(raw)}",
                fix='ids are those of the data; list some with `recaudit sql "SELECT raw_id FROM users"`',
            )
        return mask

    def _items_of(self, edit: Edit) -> BoolArray:
        mask = np.zeros(len(self.items.x), dtype=bool)
        for raw in edit.items:
            if raw not in self.raw_items:
                raise UsageError(
                    f"model {printable(self.model.name)} has no row for item {printable(raw)}",
                    fix='ids are those of the data; list some with `recaudit sql "SELECT raw_id, title FROM items"`',
                )
            mask[self.raw_items[raw]] = True
        return mask

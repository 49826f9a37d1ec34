"""Every tab shows what the audit holds: against the store's own queries."""

import json
import shutil

import duckdb
import numpy as np
import pytest

from recaudit.analyses.explain import explained
from recaudit.store import labels, notes, read, reading, writing
from recaudit.tui.data.write_out import spark
from recaudit.tui.modals.text import Writing


def blocks(page):
    return {block.name: block for block in page.blocks}


def test_overview(drive, sample):
    async def steps(see):
        found = blocks(see.app.pane.query_one("Page"))
        assert {
            "model",
            "findings",
            "ranking",
            "fidelity",
            "sae",
            "dictionary",
            "receipts",
            "missing",
        } <= set(found)
        assert "RecBole SASRec" in see.text
        with see.app.session.reading() as audit:
            ((value, low),) = audit.rows(
                "SELECT value, low FROM metrics WHERE metric = 'ranking.ndcg@10' AND sae_id IS NULL AND slice = '{\"ranking\": \"original\"}' "
                "AND protocol = 'recbole-seq'"
            )
        row = next(r for r in found["ranking"].rows if r.values[:2] == ("NDCG@10", "original"))
        assert row.values[2] == value
        assert "●" in row.cells[4]
        assert f"{low:.4f}" in row.cells[3]
        assert "recaudit concepts" in str(found["missing"].rows)

    drive(sample, steps)


def test_key_numbers_and_the_series_behind_them(drive, made):
    async def steps(see):
        key = blocks(see.app.pane.query_one("Page"))["key"]
        with see.app.session.reading() as audit:
            ranks = np.array(
                audit.rows(
                    "SELECT rank FROM target_ranks JOIN targets USING (model_id, target_id) "
                    "JOIN items USING (item_id) ORDER BY train_count, target_id"
                )
            )[:, 0]
            looks = audit.rows("SELECT explained_variance FROM training_log ORDER BY step")
            ((places,),) = audit.rows("SELECT count(*) FROM recommendations")
        rows = {(row.values[0], row.values[4]): row for row in key.rows}

        def series(*name):
            return json.loads(rows[name].values[3])

        cutoffs = rows["NDCG@10", "cut-offs 5–50"]
        assert cutoffs.values[1:3] == (0.0726, "0.060258 … 0.084942")
        assert cutoffs.cells[1:4] == ("0.0726", "0.0603 … 0.0849", "▄▅▇█")
        assert series("NDCG@10", "cut-offs 5–50") == [0.0525, 0.0726, 0.0934, 0.122]
        gain = np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0)
        assert series("NDCG@10", "target tenths") == pytest.approx(
            [gain[n : n + 30].mean() for n in range(0, 300, 30)]
        )
        by_rank = [
            ((ranks >= 2**n) & (ranks < 2 ** (n + 1))).sum() for n in range(int(np.log2(ranks.max())) + 1)
        ]
        assert series("MRR", f"rank 1–{ranks.max()}") == by_rank
        assert rows["MRR", f"rank 1–{ranks.max()}"].cells[3] == spark(by_rank)
        assert series("Explained variance", "training looks") == [value for (value,) in looks]
        assert rows["Explained variance", "training looks"].cells[3][0] == "▁"
        assert sum(series("Gini of exposure", "item tenths")) == places
        page = see.app.pane.query_one("Page")
        await see.press("J", "J", "j")
        name, columns, exported = page.export()
        assert (name, columns[3]) == ("key", "series")
        assert not set(str(exported) + str(page.copies())) & set("▁▂▃▄▅▆▇█")
        assert ("series: " + str(exported[1][3])) in dict(page.copies())

    drive(made, steps)


@pytest.mark.parametrize("width", [80, 140])
def test_no_word_of_a_finding_is_cut_off(drive, made, tmp_path, width):
    path = shutil.copy(made, tmp_path / "audit.duckdb")
    words = [str(number) for number in range(10, 99)]
    with duckdb.connect(path) as tables:
        tables.execute("UPDATE findings SET sentence = ?", [" ".join(words)])

    async def steps(see):
        await see.press("J")
        seen = [word for line in see.text.splitlines() for word in line.split()]
        assert set(words) <= set(seen), sorted(set(words) - set(seen))

    drive(path, steps, size=(width, 24))


def test_a_click_on_a_columns_head_sorts_by_it(drive, made):
    async def steps(see):
        await see.press("2")
        listing = see.app.pane.listing
        for order, descending in (("label", False), ("label", True), ("density", True)):
            head = see.text.splitlines()[2]
            await see.pilot.click(listing.table, offset=(head.index(order) - listing.table.region.x, 1))
            await see.settle()
            assert (listing.listed.order, listing.listed.descending) == (order, descending)

    drive(made, steps, size=(140, 40))


def test_bars_say_what_they_stand_on():
    assert spark([0, 1, 2, 4]) == " ▂▄█"
    assert spark([]) == ""
    assert spark([0, 0]) == "  "
    assert spark([0.9, 0.95], 0.89) == "▂█"


def test_latents_beside_their_page(drive, sample):
    async def steps(see):
        await see.press("2")
        pane = see.app.pane
        assert pane.shown == str(pane.listing.key)
        first = pane.shown
        await see.press("j")
        assert pane.shown == str(pane.listing.key) != first
        found = blocks(pane.page)
        assert {"facts", "histogram", "items_by_lift", "items_by_strength", "examples", "effect"} <= set(
            found
        )
        assert {"neighbours_by_direction", "neighbours_by_activation"} <= set(found)
        assert sum(row.values[2] for row in found["histogram"].rows) == pane.listing.listed.rows[1][7]
        assert found["examples"].rows[0].places[0].kind == "user"
        assert found["neighbours_by_direction"].rows[0].places[0].kind == "latent"

    drive(sample, steps, size=(140, 40))


def test_sort_filter_and_pages(drive, made):
    async def steps(see):
        await see.press("2", "s")
        await see.press("g", "end", "escape")
        see.app.pane.listing.sort_by("latent")
        await see.settle()
        listing = see.app.pane.listing
        assert listing.listed.keys[0] == 63
        await see.press("S")
        assert listing.listed.keys[:3] == [0, 1, 2]
        await see.press("G")
        assert listing.key == 63
        await see.press("slash")
        await see.type("latnt>3")
        assert "did you mean `latent`?" in see.text
        await see.press("ctrl+u")
        await see.type("latent>=60")
        await see.press("enter")
        assert listing.listed.keys == [60, 61, 62, 63]
        assert "filtered from 64" in see.text
        await see.press("escape")
        assert listing.listed.matched == 64
        await see.press("5")
        listing = see.app.pane.listing
        await see.press("G")
        assert listing.listed.offset == 300
        await see.press("g")
        for _ in range(3):
            await see.press("pagedown", "pagedown", "pagedown", "pagedown")
        assert listing.listed.offset > 0

    drive(made, steps)


def test_name_note_and_bookmark_are_written(drive, writable):
    async def steps(see):
        await see.press("2")
        latent = int(see.app.pane.listing.key)
        await see.press("w")
        assert isinstance(see.app.screen, Writing)
        await see.type("Films [x]")
        assert "+ Films [x]" in see.text
        await see.press("enter")
        await see.press("a")
        await see.type("look at this")
        await see.press("enter", "b", "enter")
        assert see.app.pane.shown == str(latent)
        assert f"★ Latent {latent}: Films [x]" in see.text
        assert "look at this" in see.text
        await see.press("w", "escape")
        with see.app.session.reading() as audit:
            sae = read.find_sae(audit, read.model_named(audit, None))
            assert labels.by_hand(audit, sae)[latent] == ("Films [x]", "me")
            assert notes.note(audit, sae, latent) == ("look at this", "me")
            assert notes.bookmarked(audit, sae, latent)
            assert labels.history(audit, sae)["source"].tolist() == ["tui"]
        await see.press("b", "a")
        see.app.screen.query_one("Input").value = ""
        await see.press("enter")
        with see.app.session.reading() as audit:
            assert not notes.bookmarked(audit, sae, latent)
            assert notes.note(audit, sae, latent) is None
        await see.press("escape", "slash")
        await see.type("is:hand")
        assert see.app.pane.listing.listed.keys == [latent]

    drive(writable, steps, author="me")


def test_concepts_with_vectors_and_ratings(drive, made):
    async def steps(see):
        await see.press("3", "slash")
        await see.type("concept=Horror")
        await see.press("enter", "enter")
        found = blocks(see.app.pane.page)
        assert {"coverage", "cav", "scatter", "alignment", "cav_latents", "angles", "map"} <= set(found)
        drawn = "\n".join(found["scatter"].draw(80))
        assert any(0x2800 < ord(letter) < 0x2900 for letter in drawn)
        assert "[Horror]" in "\n".join(found["map"].draw(80))
        assert found["coverage"].rows[0].values[1] == "not covered"
        with see.app.session.reading() as audit:
            ((auc,),) = audit.rows(
                "SELECT auc FROM cavs JOIN concepts USING (concept_id) WHERE name = 'Horror' AND against_id IS NULL"
            )
        assert f"{auc:.2f}".lstrip("0") in str(found["cav"].rows)
        assert found["angles"].rows[0].places[0].key.startswith("genre:")

    drive(made, steps)


def test_concept_without_vectors_says_what_makes_them(drive, sample):
    async def steps(see):
        await see.press("3", "enter")
        assert "recaudit cav" in see.text

    drive(sample, steps)


def test_users_recommendations_add_up(drive, sample):
    async def steps(see):
        await see.press("4", "enter")
        user = see.app.pane.shown
        found = blocks(see.app.pane.page)
        assert {"user", "recommendations", "explained", "latents", "profile", "history"} <= set(found)
        first = found["recommendations"].rows[0]
        item = first.places[0].key
        with see.app.session.reading() as audit:
            whole = explained(audit, "sasrec", user, item)
        strongest = [part for part in whole.parts if part.latent is not None][:3]
        assert [place.key for place in first.places[1:]] == [str(part.latent) for part in strongest]
        assert f"{strongest[0].amount:+.2f}" in first.cells[3]
        amounts = [row.values[4] for row in found["explained"].rows]
        assert sum(amounts) == pytest.approx(whole.score, abs=1e-4)
        assert found["history"].rows[0].places[0].kind == "item"
        assert "recaudit cav" in str(found["profile"].rows)

    drive(sample, steps)


def test_items_lead_to_latents_and_neighbours(drive, sample):
    async def steps(see):
        await see.press("5", "enter")
        found = blocks(see.app.pane.page)
        assert {"item", "concepts", "latents", "effect", "neighbours"} <= set(found)
        effects = [row.values[2] for row in found["effect"].rows]
        assert effects == sorted(effects, reverse=True)
        assert effects[0] > 0 > effects[-1]
        assert see.app.pane.shown not in [
            place.key for row in found["neighbours"].rows for place in row.places
        ]

    drive(sample, steps)


def test_bias_numbers_curve_and_latents(drive, made):
    async def steps(see):
        await see.press("6")
        found = blocks(see.app.pane.query_one("Page"))
        assert {"popularity", "exposure_curve", "exposure_genre"} <= set(found)
        drawn = "\n".join(found["exposure_curve"].draw(70))
        assert "lists" in drawn
        listing = see.app.pane.query_one("Listing")
        assert listing.listed.total > 0
        listing.table.focus()
        await see.press("enter")
        assert see.app.pane.id == "latents"
        assert see.app.pane.shown == str(listing.listed.rows[0][1])

    drive(made, steps)


def test_bias_without_figures_says_what_makes_them(drive, sample):
    async def steps(see):
        await see.press("6")
        assert "recaudit bias" in see.text

    drive(sample, steps, size=(80, 24))


def test_sql_runs_fails_and_exports(drive, made, tmp_path):
    target = tmp_path / "all.csv"

    async def steps(see):
        await see.press("0")
        assert "activations" in see.text
        query = see.app.pane.query_one("#query")
        query.text = "SELECT * FROM activations"
        await see.press("f5")
        assert "the first 500 rows" in see.text
        await see.press("tab", "e")
        see.app.screen.query_one("Input").value = str(target)
        await see.press("enter")
        query.text = "SELECT nonsense"
        await see.press("f5")
        assert "the query failed" in see.text
        for forbidden in (
            "DELETE FROM latents",
            "ATTACH '/tmp/x.duckdb'",
            "SELECT * FROM read_csv('/etc/passwd')",
        ):
            query.text = forbidden
            await see.press("f5")
            assert "the query failed" in see.text

    drive(made, steps)
    with reading(made) as audit:
        ((n,),) = audit.rows("SELECT count(*) FROM activations")
    assert len(target.read_text().splitlines()) == n + 1


def test_user_the_model_does_not_know(drive, writable):
    with writing(writable) as audit:
        audit.connection.execute("DELETE FROM cases WHERE user_id = 5")

    async def steps(see):
        await see.press("4", "slash")
        await see.type("user=6")
        await see.press("enter", "enter")
        assert "Not a case of this model" in see.text
        assert "history" in blocks(see.app.pane.page)

    drive(writable, steps)


def test_profile_against_ratings(drive, made):
    async def steps(see):
        await see.press("4", "enter")
        profile = blocks(see.app.pane.page)["profile"]
        assert profile.rows[0].places[0].key.startswith("genre:")
        assert {"percentile", "rated", "rated_outside"} <= {column.name for column in profile.columns}

    drive(made, steps)

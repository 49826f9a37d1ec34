"""An audit of any size, made up by arithmetic: the same rows on every machine, for the workbench to be timed and drawn on.

python benchmarks/tui_store.py big.duckdb --latents 16384 --users 312500 --fired 32     # 10 million activations
"""

from __future__ import annotations

import argparse
from pathlib import Path

from recaudit import __version__
from recaudit.store import writing

DIM = 64
GENRES = ("Action", "Comedy", "Drama", "Horror", "Western")


def make(path: Path, *, latents: int, users: int, fired: int, items: int = 5000, history: int = 8) -> int:
    """Write the audit; returns the number of activations.

    Args:
        users: one newest case each, on which ``fired`` latents fire.
        history: interactions a user.
    """
    sizes = {"latents": latents, "users": users, "fired": fired, "items": items, "history": history}
    with writing(path) as audit:
        audit.ensure_vectors(DIM)
        for statement in (*_STATEMENTS, *_FOUND):
            audit.connection.execute(statement.format(dim=DIM, version=__version__, **sizes))
        ((n,),) = audit.rows("SELECT count(*) FROM activations")
    return int(n)


def _mixed(number: str) -> str:
    """SQL of a whole number from 0 to 2^31 that looks random; no function of the database, whose hash may change."""
    x = f"(({number})::BIGINT % 1000003)"
    return f"(({x} * {x} * 31 + ({number})::BIGINT * 7919 + 12345) % 2147483647)"


def _vector(seed: str) -> str:
    """SQL of a vector that looks random and is the same everywhere."""
    mixed = _mixed(f"({seed})::BIGINT * 7919 + d * 104729")
    return f"[({mixed} % 2000)::FLOAT / 1000 - 1 FOR d IN range({{dim}})]::FLOAT[{{dim}}]"


_GENRE = "['" + "', '".join(GENRES) + "']"

_STATEMENTS = (
    "INSERT INTO runs VALUES ('made', 'ingest', '{{}}', '{version}', 0, TIMESTAMP '2026-01-01')",
    "INSERT INTO datasets VALUES (0, 'made-up', 'recbole', '{{\"name\": \"last\"}}', "
    "'{users} users, {items} items, made up', 'made')",
    "INSERT INTO users SELECT 0, u, (u + 1)::VARCHAR FROM range({users}) t(u)",
    "INSERT INTO items SELECT 0, i, (i + 1)::VARCHAR, 'Film [' || (i + 1) || ']', 1950 + i % 70, "
    "({items} - i) * {users} // {items} FROM range({items}) t(i)",
    "INSERT INTO interactions SELECT 0, u, (u * 31 + p * p * 17 + p) % {items}, 1 + (u + p) % 5, 1000000 + u + p * 1000, p, "
    "CASE WHEN p = {history} - 1 THEN 'test' ELSE 'train' END FROM range({users}) t(u), range({history}) h(p)",
    f"INSERT INTO concepts SELECT 0, c, 'genre', ({_GENRE})[c + 1], {{items}} // {len(GENRES)} "
    f"FROM range({len(GENRES)}) t(c)",
    f"INSERT INTO item_concepts SELECT 0, i, i % {len(GENRES)} FROM range({{items}}) t(i)",
    "INSERT INTO user_groups SELECT 0, u, 'gender', CASE WHEN u % 3 = 0 THEN 'F' ELSE 'M' END FROM range({users}) t(u)",
    "INSERT INTO models VALUES (0, 'made', 0, 'RecBole', 'SASRec', 'sasrec', 'last position of the last block', {dim}, "
    "50, 'sequence', 'dot', 'identity', '{{}}', '[]', 'made.pth', repeat('ab', 32), 'history', 'made')",
    "INSERT INTO model_items SELECT 0, i, i, 0 FROM range({items}) t(i)",
    "INSERT INTO receipts VALUES ('made', 0, 'model', 'made.pth', repeat('ab', 32), 1000000, 'torch zip', 'clean', "
    "'{{}}', '[]')",
    "INSERT INTO cases SELECT 0, u, u, 'latest', {history}, NULL, 0 FROM range({users}) t(u)",
    "INSERT INTO saes (sae_id, model_id, name, tool, n_latents, dim, activation, k, k_source, pre_bias, centred, encoder_bias, "
    "tied, norm_in, groups, notes, sha256, self_check, run_id) VALUES (0, 0, 'sae', 'recaudit', {latents}, {dim}, 'topk', "
    "{fired}, 'settings', false, false, false, false, 'none', [], [], repeat('cd', 32), '{{}}', 'made')",
    f"INSERT INTO vectors_{{dim}} SELECT 0, NULL, 'case', u, {_vector('u')}, NULL FROM range(least({{users}}, 20000)) t(u)",
    f"INSERT INTO vectors_{{dim}} SELECT 0, NULL, 'item', i, {_vector('i + 1000000')}, NULL FROM range({{items}}) t(i)",
    f"INSERT INTO vectors_{{dim}} SELECT 0, 0, 'encoder', l, {_vector('l + 2000000')}, 0 FROM range({{latents}}) t(l)",
    f"INSERT INTO vectors_{{dim}} SELECT 0, 0, 'decoder', l, {_vector('l + 2000000')}, NULL FROM range({{latents}}) t(l)",
    # Latents near 0 fire often, as densities of a real dictionary fall off.
    "INSERT INTO activations SELECT 0, 'case', u, latent, min(value) FROM (SELECT u, "
    f"(({_mixed('u * 64 + f * 7')} % 10007) * ({_mixed('u * 97 + f * 1301')} % 10007) // 10007 * {{latents}} // 10007)::INTEGER "
    f"AS latent, (({_mixed('u * 131 + f * 17')} % 1000)::FLOAT + 1) / 100 AS value "
    "FROM range({users}) t(u), range({fired}) s(f)) "
    "GROUP BY u, latent ORDER BY latent, u",
    "INSERT INTO latents SELECT 0, l, coalesce(n, 0) / {users}, coalesce(n, 0), coalesce(n, 0), coalesce(most, 0), "
    "coalesce(mean, 0), coalesce(total, 0), 1, .3, n IS NULL, 'case' FROM range({latents}) t(l) LEFT JOIN (SELECT latent, "
    "count(*) AS n, max(value) AS most, avg(value::DOUBLE) AS mean, sum(value::DOUBLE) AS total FROM activations GROUP BY latent) "
    "ON latent = l ORDER BY l",
    "INSERT INTO recommendations SELECT 0, NULL, 'history', u, r + 1, (u * 13 + r * r * 7 + r) % ({items} // 5), 10 - r "
    "FROM range({users}) t(u), range(10) s(r)",
    "INSERT INTO targets SELECT 0, u, u, (u * 31 + 3) % {items}, 'test' FROM range(least({users}, 20000)) t(u)",
    f"INSERT INTO labels (model_id, sae_id, latent, labeller, protocol, text, status, evidence, confidence, low, high, "
    f"shuffled, q, run_id) SELECT 0, 0, l, 'statistics', 'default', ({_GENRE})[l % {len(GENRES)} + 1], 'verified', '{{{{}}}}', "
    ".75, .6, .86, .5, .01, 'made' FROM range({latents}) t(l) WHERE l % 3 = 0",
    f"INSERT INTO target_ranks SELECT 0, NULL, 'history', u, 1 + ({_mixed('u * 53 + 5')} % 10007) * ({_mixed('u * 71 + 9')} % 10007) "
    "// 10007 * {items} // 10007 FROM range(least({users}, 20000)) t(u)",
    "INSERT INTO metrics SELECT 0, NULL, 'ranking.' || measure || '@' || k, '{{\"ranking\": \"original\"}}', value, value * .83, "
    "value * 1.17, {users}, 'users', 'higher', 'history', 0, 'made' FROM (VALUES ('ndcg', 5, .0525), ('ndcg', 10, .0726), "
    "('ndcg', 20, .0934), ('ndcg', 50, .122), ('hr', 5, .086), ('hr', 10, .147), ('hr', 20, .23), ('hr', 50, .381)) m(measure, k, value)",
    "INSERT INTO metrics VALUES (0, NULL, 'ranking.mrr', '{{\"ranking\": \"original\"}}', .0657, .0582, .0741, {users}, 'users', "
    "'higher', 'history', 0, 'made'), (0, NULL, 'ranking.ndcg@10', '{{\"ranking\": \"popularity\"}}', .0198, .015, .025, {users}, "
    "'users', 'higher', 'history', 0, 'made'), (0, 0, 'fidelity.explained_variance', '{{\"cases\": \"newest\"}}', .889, .884, .894, "
    "{users}, 'users', 'higher', 'history', 0, 'made'), (0, 0, 'fidelity.overlap@10', '{{}}', .65, .636, .664, {users}, 'users', "
    "'higher', 'history', 0, 'made'), (0, 0, 'sae.l0', '{{}}', {fired}, {fired}, {fired}, {users}, 'users', 'none', 'history', 0, 'made')",
    "INSERT INTO training_log SELECT 0, (s + 1) * 500, s * 9.5, .895 - .3 / (s + 1), {fired}, .02, .66 - .35 / (s + 1), NULL, s = 7 "
    "FROM range(8) t(s)",
    "INSERT INTO findings VALUES (0, NULL, 'history', 'made-up', 'info', 'The model ranks better than plain popularity.', "
    "'SELECT * FROM metrics', 'made')",
)

_VARIANT = "cav: all negatives, one-vs-rest, centre-norm, free null"
_FOUND = (
    "INSERT INTO concept_coverage SELECT 0, 0, 'recommended10', 'item', c, 'genre', name, {items}, n_items, {latents}, c * 3, .8, "
    ".9 - c * .1, .85 - c * .1, .95 - c * .1, .8, .7, .9, .6, .6, .001, .002, "
    "['covered', 'covered', 'popularity only', 'not covered', 'too few'][c + 1], 'made' FROM concepts t(_, c, __, name, n_items)",
    "INSERT INTO latent_concepts SELECT 0, 0, 'recommended10', l, 'item', c, 'genre', name, {items}, n_items, "
    ".5 + ((l + c) % 5) * .09, .4, .5, .6, .55, 1, 2, 1, 40, 20, .01, .02, .01, .02, 'made' "
    "FROM range(least({latents}, 200)) t(l), concepts k(_, c, __, name, n_items)",
    "INSERT INTO latent_scores SELECT 0, 0, 'recommended10', l, 'ms-all-independent', .1 + (l % 7) * .05, .1, 2, .02, .04, NULL, "
    "'made' FROM range({latents}) t(l)",
    f"INSERT INTO cavs SELECT c, 0, '{_VARIANT}', c, NULL, n_items, {{items}} - n_items, 1, "
    f"{_vector('c + 3000000')}, 1, 0, .95 - c * .03, .9 - c * .03, .97 - c * .02, [], .7, .2, .8, .001, .002, .9, 'present', c, "
    "'made' FROM concepts t(_, c, __, ___, n_items)",
    "INSERT INTO sensitivities SELECT 0, c, u, ((u * 7 + c) % 41) / 10 - 2, 0, ((u * 7 + c) % 41) / 10 - 2 "
    f"FROM range(least({{users}}, 2000)) t(u), range({len(GENRES)}) k(c)",
    "INSERT INTO cav_ratings SELECT 0, c, 'all', u, 3 + ((u * 7 + c) % 41 - 20) / 20 + ((u * 13) % 7 - 3) / 5, 3, 5, 5 "
    f"FROM range(least({{users}}, 2000)) t(u), range({len(GENRES)}) k(c)",
    "INSERT INTO cav_alignment SELECT 0, c, 'all', true, 'raw', rating, false, 'spearman', .6, .5, .7, .001, .002, {users}, .1 "
    f"FROM range({len(GENRES)}) k(c), (VALUES ('share'), ('mean'), ('centred')) r(rating)",
    "INSERT INTO cav_angles SELECT 0, a, b, .3 - .1 * (b - a), .1 - .1 * (b - a), .4 - .1 * (b - a), -.3, .3 "
    f"FROM range({len(GENRES)}) s(a), range({len(GENRES)}) t(b) WHERE a < b",
    f"INSERT INTO cav_map SELECT 0, c, NULL, cos(c * 1.3), sin(c * 1.3), .4, .3 FROM range({len(GENRES)}) k(c)",
    f"INSERT INTO cav_latents SELECT 0, c, 0, c * 3 + j, .5 - j * .1, .6 - j * .1, NULL FROM range({len(GENRES)}) k(c), range(4) t(j)",
    "INSERT INTO latent_bias SELECT 0, 0, 'case', l, contrast, 'activation', statistic, ((l * 37) % 101 - 50) / 60, "
    "((l * 37) % 101 - 50) / 60 - .1, ((l * 37) % 101 - 50) / 60 + .1, .01, .03, {users}, 1, 1, 0, 1, NULL, 'made' "
    "FROM range({latents}) t(l), (VALUES ('profile popularity', 'spearman'), ('gender=F', 'd')) c(contrast, statistic)",
    "INSERT INTO exposure SELECT 0, 'history', NULL, NULL, 'genre', name, .3 - c * .05, .28 - c * .05, .32 - c * .05, .2, .25, "
    "{users}, 'made' FROM concepts t(_, c, __, name, ___)",
    "INSERT INTO metrics SELECT 0, NULL, metric, slice, value, value - .01, value + .01, {users}, 'users', 'none', 'history', 0, "
    "'made' FROM (VALUES ('popularity.gini@10', '{{}}', .713), ('popularity.gini@10', '{{\"gender\": \"F\"}}', .75), "
    "('popularity.coverage@10', '{{}}', .56)) m(metric, slice, value)",
)
"""What analyses find, by rule of thumb instead of by analysis."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    for name, default in (("latents", 16384), ("users", 312_500), ("fired", 33)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    print(f"{make(given.path, latents=given.latents, users=given.users, fired=given.fired):,} activations")

"""Schema version 4: concept activation vectors and what hangs on them; conditioned models' latent space."""

from __future__ import annotations

from recaudit.store.schema.table import MODEL, RUN, AddedColumns, Table

_CAV = ("cav_id", "INTEGER NOT NULL", "see `cavs`")
_SPACE = (
    "space",
    "VARCHAR NOT NULL",
    "which vectors: `probe` (as stored), `latent` (the code of an autoencoder), `untrained` (the same of a "
    "re-initialised network), `columns` (the condition's weights alone), `items` (Jaccard of the items that "
    "have the concepts)",
)

VERSION_4: tuple[Table | AddedColumns, ...] = (
    Table(
        "cavs",
        "a concept activation vector: a direction of the item vectors",
        (
            ("cav_id", "INTEGER NOT NULL", "dense index, from 0"),
            MODEL,
            ("variant", "VARCHAR NOT NULL", "negatives, labels, scaling and null it was made under"),
            ("concept_id", "INTEGER NOT NULL", "see `concepts`"),
            ("against_id", "INTEGER", "the concept it is set against; NULL for every other item"),
            ("n_positive", "INTEGER NOT NULL", "items that have the concept, among those used"),
            ("n_negative", "INTEGER NOT NULL", "items that have it not"),
            ("c", "DOUBLE", "inverse penalty, chosen by cross-validation"),
            ("direction", "FLOAT[]", "unit length, towards the concept, in the space items are scored in"),
            ("norm", "DOUBLE", "length of the classifier's coefficients"),
            ("intercept", "DOUBLE", "of the classifier: score = norm x (direction . x) + intercept"),
            ("auc", "DOUBLE", "held out, repeated stratified cross-validation"),
            ("auc_low", "DOUBLE", "95 % bootstrap interval over items"),
            ("auc_high", "DOUBLE", ""),
            ("fold_auc", "DOUBLE[]", "of every fold of every repeat"),
            ("average_precision", "DOUBLE", "held out; its chance level is `base_rate`"),
            ("base_rate", "DOUBLE", "share of positives among the items used"),
            ("balanced_accuracy", "DOUBLE", "held out"),
            ("p", "DOUBLE", "permutation test of the AUC, refitted on shuffled labels"),
            ("q", "DOUBLE", "Benjamini-Hochberg over the concepts of the run"),
            ("stability", "DOUBLE", "mean cosine between the directions of two bootstrap draws"),
            ("verdict", "VARCHAR NOT NULL", "`present`, `not present`, `unstable`, `insufficient`"),
            ("place", "INTEGER", "in the clustered order of its kind's directions"),
            RUN,
        ),
    ),
    Table(
        "sensitivities",
        "how a user's scores move along a CAV; for CAVs that are present or unstable",
        (
            MODEL,
            _CAV,
            ("user_id", "INTEGER NOT NULL", ""),
            ("raw", "FLOAT NOT NULL", "gradient of the user's score . direction"),
            ("cosine", "FLOAT NOT NULL", "of gradient and direction"),
            ("centred", "FLOAT NOT NULL", "`raw` less its mean over users"),
        ),
    ),
    Table(
        "cav_groups",
        "TCAV score of a user group: the share whose centred sensitivity is positive",
        (
            MODEL,
            _CAV,
            ("attribute", "VARCHAR NOT NULL", "see `user_groups`"),
            ("value", "VARCHAR NOT NULL", ""),
            ("n", "INTEGER NOT NULL", "users of the group"),
            ("share", "DOUBLE NOT NULL", ""),
            ("low", "DOUBLE NOT NULL", "95 % Wilson interval"),
            ("high", "DOUBLE NOT NULL", ""),
            ("elsewhere", "DOUBLE NOT NULL", "the share among the other users of the attribute"),
            ("p", "DOUBLE NOT NULL", "group labels shuffled, exact"),
            ("q", "DOUBLE NOT NULL", "Benjamini-Hochberg over groups and concepts"),
        ),
    ),
    Table(
        "cav_ratings",
        "how a user rated a concept, inside and outside of it",
        (
            MODEL,
            ("concept_id", "INTEGER NOT NULL", ""),
            ("ratings", "VARCHAR NOT NULL", "`held-out` from the user's training history, or `all`"),
            ("user_id", "INTEGER NOT NULL", ""),
            ("inside", "FLOAT NOT NULL", "mean rating of items of the concept"),
            ("outside", "FLOAT NOT NULL", "mean rating of the others"),
            ("n_inside", "INTEGER NOT NULL", "ratings"),
            ("n_outside", "INTEGER NOT NULL", ""),
        ),
    ),
    Table(
        "cav_alignment",
        "a correlation over users of sensitivity with ratings, or with the share in the history",
        (
            MODEL,
            _CAV,
            ("ratings", "VARCHAR NOT NULL", "as in `cav_ratings`"),
            (
                "main",
                "BOOLEAN NOT NULL",
                "the ratings that speak for the concept: held out, where enough users have such and training did "
                "not choose by rating",
            ),
            ("sensitivity", "VARCHAR NOT NULL", "`raw` or `cosine`"),
            (
                "rating",
                "VARCHAR NOT NULL",
                "`mean` (in the concept), `centred` (less the mean outside it), `share` (of the concept in the "
                "training history: the positive control)",
            ),
            ("adjusted", "BOOLEAN NOT NULL", "given log activity and mean popularity of the history"),
            ("correlation", "VARCHAR NOT NULL", "`pearson` or `spearman`"),
            ("value", "DOUBLE NOT NULL", ""),
            ("low", "DOUBLE NOT NULL", "95 % bootstrap interval over users"),
            ("high", "DOUBLE NOT NULL", ""),
            ("p", "DOUBLE NOT NULL", "users shuffled, two-sided"),
            ("q", "DOUBLE NOT NULL", "Benjamini-Hochberg over concepts"),
            ("n", "INTEGER NOT NULL", "users"),
            ("smallest", "DOUBLE NOT NULL", "correlation so many users show with 80 % power"),
        ),
    ),
    Table(
        "cav_angles",
        "the angle between two CAVs of a kind",
        (
            MODEL,
            _CAV,
            ("other_id", "INTEGER NOT NULL", "the other `cav_id`, larger"),
            ("cosine", "DOUBLE NOT NULL", ""),
            ("low", "DOUBLE NOT NULL", "95 % bootstrap interval over items"),
            ("high", "DOUBLE NOT NULL", ""),
            ("null_low", "DOUBLE NOT NULL", "middle 95 % of cosines between random concepts"),
            ("null_high", "DOUBLE NOT NULL", ""),
        ),
    ),
    Table(
        "cav_map",
        "a CAV on the first axes of the uncentred PCA of its kind's directions",
        (
            MODEL,
            _CAV,
            ("draw", "INTEGER", "bootstrap draw; NULL for the CAV itself"),
            ("x", "DOUBLE NOT NULL", "first axis"),
            ("y", "DOUBLE NOT NULL", "second axis"),
            (
                "x_share",
                "DOUBLE NOT NULL",
                "of the directions' squared length that the first axis holds, 0..1",
            ),
            ("y_share", "DOUBLE NOT NULL", "likewise the second"),
        ),
    ),
    Table(
        "cav_latents",
        "a latent that goes with a CAV: among the nearest by cosine or by correlation",
        (
            MODEL,
            _CAV,
            ("sae_id", "INTEGER NOT NULL", "see `saes`"),
            ("latent", "INTEGER NOT NULL", ""),
            (
                "cosine",
                "DOUBLE NOT NULL",
                "of direction and decoder row; NaN where they lie in different spaces",
            ),
            ("case_correlation", "DOUBLE", "over users: activation and sensitivity"),
            ("item_correlation", "DOUBLE", "over items: activation and CAV score; NULL without item codes"),
        ),
    ),
    Table(
        "condition_axes",
        "a principal component of all cases under all conditions",
        (
            MODEL,
            _SPACE,
            ("axis", "INTEGER NOT NULL", "1 = most variance"),
            ("variance", "DOUBLE NOT NULL", "share of it, 0..1"),
            ("eta_squared", "DOUBLE NOT NULL", "share of the axis' variance between conditions, 0..1"),
            ("dropped", "VARCHAR[] NOT NULL", "conditions left out of the fit"),
        ),
    ),
    Table(
        "condition_points",
        "a case on the first components",
        (
            MODEL,
            _SPACE,
            ("user_id", "INTEGER NOT NULL", ""),
            ("condition", "VARCHAR", "NULL for none"),
            ("place", "FLOAT[] NOT NULL", "coordinate on each stored axis"),
        ),
    ),
    Table(
        "condition_distances",
        "the distance of two conditions' centroids",
        (
            MODEL,
            _SPACE,
            ("condition", "VARCHAR NOT NULL", ""),
            ("other", "VARCHAR NOT NULL", "another condition, later in the model's order"),
            ("distance", "DOUBLE NOT NULL", "Euclidean; of `items` 1 - Jaccard"),
        ),
    ),
    Table(
        "condition_centroids",
        "a condition's centroid and how the model ranks under it",
        (
            MODEL,
            _SPACE,
            ("condition", "VARCHAR", "NULL for none"),
            ("radius", "DOUBLE NOT NULL", "distance from the mean of the conditions' centroids"),
            ("n_items", "INTEGER", "items that have the concept of that name; NULL without one"),
            ("n_cases", "INTEGER NOT NULL", ""),
            ("ndcg", "DOUBLE", "at 100 over all items, targets that have the concept; probe space only"),
            ("ndcg_low", "DOUBLE", "95 % bootstrap interval over users"),
            ("ndcg_high", "DOUBLE", ""),
            ("ndcg_within", "DOUBLE", "the same among items of the concept"),
            ("hit_share", "DOUBLE", "share of the first 100 that has the concept, under the condition"),
            ("hit_share_none", "DOUBLE", "the same under no condition, for the same users"),
            ("n_ranked", "INTEGER", "users behind `ndcg`"),
        ),
    ),
)

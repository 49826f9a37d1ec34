"""What the readers of RecBole, ReChorus, rectorch and Monosemanticity4Rec make of names and settings."""

import numpy as np
import pytest

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models import test_gru4rec, test_interests, test_ncf
from tests.models.golden import FOLDERS, opened, shown_scores
from tests.models.random_models import histories, history_cases, random_tensors, user_cases
from tests.models.specs import checkpoint, stub
from tests.shared import needs_shared

TWO_TABLES = random_tensors({"u": (6, 4), "i": (9, 4)})


def read(tree, name="model.pt", container="torch-zip", **hints):
    return tools.read_model(checkpoint(tree, name, container), tools.Hints(**hints))


def recbole(model, state, other=None, **settings):
    config = stub("recbole.config.configurator.Config", final_config_dict={"model": model, **settings})
    return {"config": config, "state_dict": state, "other_parameter": other or {}}


LIGHTGCN = {
    "encoder.embedding_dict.user_emb": TWO_TABLES["u"],
    "encoder.embedding_dict.item_emb": TWO_TABLES["i"],
}
EMBEDDINGS = {"user_embedding.weight": TWO_TABLES["u"], "item_embedding.weight": TWO_TABLES["i"]}


def test_layers_of_a_graph_are_in_the_name_or_given():
    assert read(LIGHTGCN, "LightGCN__d__0__n_layers=3.pt").settings["layers"] == 3
    assert read(LIGHTGCN, "LightGCN__d__0__n_layers=3.pt", layers=1).settings["layers"] == 1
    with pytest.raises(InputRefused, match="never guessed") as refused:
        read(LIGHTGCN, "renamed.pt")
    assert "--layers" in refused.value.fix
    assert read(recbole("LightGCN", EMBEDDINGS, n_layers=2)).settings["layers"] == 2
    with pytest.raises(InputRefused, match="no usable `n_layers`"):
        read(recbole("LightGCN", EMBEDDINGS))


def test_what_recbole_left_propagated_needs_no_graph():
    restored = {"restore_user_e": TWO_TABLES["u"] + 1, "restore_item_e": TWO_TABLES["i"]}
    for model in ("LightGCN", "NGCF"):
        spec = read(recbole(model, EMBEDDINGS, restored))
        assert spec.architecture == model
        assert not build(spec).needs_graph
        np.testing.assert_array_equal(spec.tensors["user"], TWO_TABLES["u"] + 1)
    unrestored = read(recbole("NGCF", EMBEDDINGS, dict.fromkeys(restored)))
    assert build(unrestored).needs_graph


def test_directau_is_told_by_its_file_name():
    tables = {"u_embeddings.weight": TWO_TABLES["u"], "i_embeddings.weight": TWO_TABLES["i"]}
    assert read(tables, "DirectAU__d__0.pt").architecture == "DirectAU"
    assert read(tables, "anything.pt").architecture == "BPRMF"


def test_a_history_length_that_nothing_tells_is_asked_for():
    w = random_tensors(test_gru4rec.shapes(1, True))
    state = {f"rnn.{name.removeprefix('gru.')}": t for name, t in w.items() if name.startswith("gru.")}
    state |= {"i_embeddings.weight": w["item"], "out.weight": w["dense.weight"], "out.bias": w["dense.bias"]}
    with pytest.raises(InputRefused, match="never guessed") as refused:
        read(state, "GRU4Rec__d__0__emb_size=4.pt")
    assert "--history-length" in refused.value.fix
    assert build(read(state, history_length=7)).history_length == 7


def test_timirec_before_fine_tuning_scores_by_its_best_interest():
    w = random_tensors(test_interests.SHAPES)
    names = {"item": "i_embeddings.weight", "position": "p_embeddings.weight"}
    extractor = {f"interest_extractor.{names.get(name, name)}": tensor for name, tensor in w.items()}
    model = build(read(extractor))
    assert (model.head.kind, model.history_length) == ("max-interest", test_interests.LENGTH)


def test_neumf_with_a_part_switched_off():
    w = test_ncf.TENSORS
    state = {
        f"{name}_embedding.weight": tensor for name, tensor in w.items() if name.startswith(("user", "item"))
    }
    state |= {
        f"mlp_layers.mlp_layers.{1 + 3 * index}.{kind}": w[f"layers.{index}.{kind}"]
        for index in (0, 1)
        for kind in ("weight", "bias")
    }
    state |= {"predict_layer.weight": w["out.weight"][:, test_ncf.MF :], "predict_layer.bias": w["out.bias"]}
    spec = read(recbole("NeuMF", state, mf_train=False, mlp_train=True))
    assert "user_mf" not in spec.tensors
    assert spec.link == "sigmoid"
    assert set(spec.unused) == {"user_mf_embedding.weight", "item_mf_embedding.weight"}
    assert build(spec).dim == test_ncf.MLP
    with pytest.raises(InputRefused, match="both mf_train and mlp_train are off"):
        read(recbole("NeuMF", state, mf_train=False, mlp_train=False))


def notebook_ncf(biases):
    w, parts = random_tensors({"fc_layers.0.weight": (3, 8), "fc_layers.2.weight": (1, 3)}), {}
    w |= {"fc_layers.0.bias": np.ones(3, np.float32), "fc_layers.2.bias": np.ones(1, np.float32)}
    w |= EMBEDDINGS
    if biases:
        w |= random_tensors({"user_bias.weight": (6, 1), "item_bias.weight": (9, 1)})
    for name, tensor in w.items():
        *path, kind = name.split(".")
        node = parts
        for step in path:
            node = node.setdefault(step, {})
        node[kind] = tensor
    return w, module(parts)


def module(parts):
    tensors = {name: part for name, part in parts.items() if isinstance(part, np.ndarray)}
    modules = {name: module(part) for name, part in parts.items() if isinstance(part, dict)}
    return stub("__main__.Net", _parameters=tensors, _modules=modules)


@pytest.mark.parametrize("biases", [False, True])
def test_a_pickled_module_reads_as_its_state_dict(biases):
    state, pickled = notebook_ncf(biases)
    from_state, from_module = build(read(state)), build(read(pickled))
    cases = user_cases(range(6))
    np.testing.assert_array_equal(shown_scores(from_state, cases), shown_scores(from_module, cases))
    assert from_state.head.kind == ("mlp-sigmoid" if biases else "mlp")


def test_factors_in_four_csv_files(tmp_path):
    w = random_tensors({"users_embeddings": (6, 4), "items_embeddings": (9, 4), "b_u": (6, 1), "b_i": (9, 1)})
    for name, tensor in w.items():
        header = ",".join(map(str, range(tensor.shape[1])))
        rows = [",".join(map(repr, map(float, row))) for row in tensor]
        (tmp_path / f"{name}_mf_model.csv").write_text("\n".join([header, *rows]) + "\n")
    spec = tools.read_model(read_checkpoint(tmp_path / "items_embeddings_mf_model.csv"), tools.Hints())
    expected = w["users_embeddings"] @ w["items_embeddings"].T + w["b_u"] + w["b_i"].T
    np.testing.assert_allclose(shown_scores(build(spec), user_cases(range(6))), expected, atol=1e-6)
    (tmp_path / "b_i_mf_model.csv").unlink()
    with pytest.raises(InputRefused, match=r"b_i_mf_model\.csv is not beside it"):
        tools.read_model(read_checkpoint(tmp_path / "items_embeddings_mf_model.csv"), tools.Hints())


def test_a_plain_denoising_autoencoder_of_rectorch():
    shapes = {
        "enc_layers.0": (5, 12),
        "enc_layers.1": (3, 5),
        "dec_layers.0": (5, 3),
        "dec_layers.1": (12, 5),
    }
    state = random_tensors({f"{name}.weight": shape for name, shape in shapes.items()})
    state |= {f"{name}.bias": np.zeros(shape[0], np.float32) for name, shape in shapes.items()}
    spec = read({"epoch": 1, "state_dict": state, "optimizer": {}})
    assert spec.architecture == "Mult-DAE"
    assert build(spec).represent(history_cases(histories(4, 12, 5))).shape == (4, 5)


@pytest.mark.shared
@needs_shared
def test_every_form_of_a_notebook_model_scores_alike():
    folders = {folder.name: opened(folder) for folder in FOLDERS}
    ncf, mf = folders["mono4rec-ncf"], folders["mono4rec-mf"]
    cases = user_cases(range(20))
    pickled, state = ncf.model(), ncf.model(ncf.folder / "NCF_recommender_state_dict.pth")
    np.testing.assert_array_equal(shown_scores(pickled, cases), shown_scores(state, cases))
    factors = mf.model(mf.folder / "users_embeddings_mf_model.csv")
    inside = shown_scores(factors, cases) + mf.manifest["global_b"]
    np.testing.assert_allclose(shown_scores(mf.model(), cases), 1 / (1 + np.exp(-inside)), atol=1e-6)

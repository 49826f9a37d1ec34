"""A dictionary of item vectors has a page for each latent, named from items."""

import json


def test_the_page_of_an_item_latent(cli, larger_world):
    assert cli("ingest", larger_world["bprmf"], "--data", larger_world["data"], "--name", "m").code == 0
    trained = cli("train", "m", "--site", "item", "--scale", 2, "--k", 2, "--steps", 20)
    assert trained.code == 0, trained.err
    listed = json.loads(cli("latents", "m", "--format", "json", "--limit", 1).out)["rows"]
    result = cli("latent", listed[0]["latent"], "m", "--format", "json")
    assert result.code == 0, result.err
    tables = {table["name"]: table for table in json.loads(result.out)["tables"]}
    assert ["fires on items", tables["facts"]["rows"][2][1]] == tables["facts"]["rows"][2]
    assert tables["examples"]["columns"] == ["", "value", "item", "title"]
    assert tables["examples"]["rows"][0][1] >= tables["examples"]["rows"][-1][1]

"""Files of many layouts to one shape: users, items, interactions with a split, concepts, groups."""

from recaudit.datasets.idmap import IdMap, read_id_map
from recaudit.datasets.options import ReadOptions
from recaudit.datasets.read import read_dataset
from recaudit.datasets.summary import summary

__all__ = ["IdMap", "ReadOptions", "read_dataset", "read_id_map", "summary"]

"""Sparse autoencoders on recommender vectors: encode, decode, and the self-check of a reading."""

from recaudit.sae.autoencoder import Codes, SparseAutoencoder
from recaudit.sae.selfcheck import SelfCheck, check_reading

__all__ = ["Codes", "SelfCheck", "SparseAutoencoder", "check_reading"]

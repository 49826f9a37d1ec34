"""Concept activation vectors (Kim et al. 2018) on recommenders: fit, quality, sensitivity, ratings, geometry."""

"""Dictionaries in the audit file: sparse autoencoders and their controls, stored, trained, swept."""

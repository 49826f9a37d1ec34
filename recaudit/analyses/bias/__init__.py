"""Popularity and group bias: of lists, of ranking quality, and of latents.

``material`` is read once; ``lists`` audits lists, ``groups`` ranking quality by user group, ``probes`` what vectors
tell of users, ``latents`` which latents go with popularity or with a group, ``synthetic`` the same on made-up
users. ``popsteer`` recomputes PopSteer's published statistics. ``command`` runs what is missing.
"""

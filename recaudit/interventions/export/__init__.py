"""An intervention made to last outside recaudit: in the model's own file, in plain tables, or as a module.

``folding``    what of a model's file an intervention changes, where it can be said by embeddings at all
``checkpoint`` the file with those numbers exchanged, read again and held against the steered scores
``tables``     the steered vectors of users and items as two tables
``module``     ``x -> x'`` as TorchScript beside its weights, for everything else
``command``    chooses between them
"""

"""Names for latents that must survive a control.

``label_latents`` draws evidence, has a ``Labeller`` name every latent of a dictionary and of its controls, puts
each name on trial on users it was not made from, and stores names, trials and figures. ``edits`` holds what
people do with names, ``ratings`` what they think of them, ``prefixes`` the tree of a nested dictionary.
"""

from recaudit.labels.run import LabelRequest, Outcome, label_latents
from recaudit.labels.types import Evidence, Label, Labeller, Task

__all__ = ["Evidence", "Label", "LabelRequest", "Labeller", "Outcome", "Task", "label_latents"]

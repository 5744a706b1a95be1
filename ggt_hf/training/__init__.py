"""Training of restorers from recipes: exact to resume, and told in a record that cards are made of.

The way of a run: a `recipe.Recipe` names model, data and steps; `data` opens the pairs;
a learner (`learners`) turns a batch into a loss; `loop` runs the steps; `record` tells what
happened. All progress is in one file, ``checkpoint.pt``, replaced at once or not at all.
"""

from __future__ import annotations

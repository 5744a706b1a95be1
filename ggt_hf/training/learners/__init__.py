"""What is trained: each learner turns a batch into a loss, restores with what it has learnt so far,
and saves it in the form that its users load.
"""

from __future__ import annotations

"""How good a picture is: one table of metrics, and scores that say what they were made by.

A score depends on more than two pictures: on the definition, the version of the code, the
weights, the decoder, and on how the picture was brought to a size that the metric takes. So every
scorer carries a fingerprint of all of these, and tests itself before it is used.
"""

from __future__ import annotations

from ggt_hf.metrics.table import METRICS, Metric, metric, metrics_named

__all__ = ["METRICS", "Metric", "metric", "metrics_named"]

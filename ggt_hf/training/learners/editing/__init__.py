"""LoRA finetuning of instruction-editing pipelines: each family with its own loss, and with the
input shown to its network in the way that its pipeline does.
"""

from __future__ import annotations

"""Pipelines in the manner of diffusers: `from_pretrained`, a call, `save_pretrained`, `push_to_hub`."""

"""From a degraded photograph to a candidate target: prompts, and what is done with them."""

"""Which editor, with which prompts? Generators of ground truth on four axes.

Fidelity, perceptual quality, VLM-R and human preference, each brought to 0 to 1 over the
contestants, and their mean. How the paper of GGT-100K normalises its average is not known; this
formula is ours (`ggt_hf.evaluation.ranking.axes`).
"""

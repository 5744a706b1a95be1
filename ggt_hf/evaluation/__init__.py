"""Prove a restorer: tasks, scores for each picture, summaries with intervals, comparisons, a page.

Restorers and pictures meet here, but no restorer lives here: what restores is anything with a
name, an identity and a way to be opened (`ggt_hf.evaluation.restorers.Restorer`).
"""

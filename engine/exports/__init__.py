"""Exports: models, predictors and interactions as the trade's own tools read them.

The shape is that of Pega's adaptive decision manager (ADM) and interaction history, which `pdstools`
(pega-datascientist-tools) and what is built on it load as they are. A model there is an action on a
channel.
"""

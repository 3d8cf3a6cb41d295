"""Mixtures as points: the bounds they stay in, projections and linear programmes, random draws."""

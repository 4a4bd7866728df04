"""Is it music? Descriptors of pieces, distances between sets of them, baselines and comparisons."""

from .baselines import clips, noise_like
from .comparison import compare, scorecard
from .copies import novelty
from .descriptors import GLOSSARY, PieceSet, describe

__all__ = ["GLOSSARY", "PieceSet", "clips", "compare", "describe", "noise_like", "novelty",
           "scorecard"]  # fmt: skip

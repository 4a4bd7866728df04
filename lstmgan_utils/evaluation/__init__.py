"""Is it music? Descriptors of pieces, distances between sets of them, baselines and comparisons."""

from .baselines import clips, noise_like
from .comparison import compare, comparison_table, count_wins, drift, scorecard, scorecards
from .copies import novelty
from .descriptors import GLOSSARY, PieceSet, describe
from .distances import impossible_durations

__all__ = ["GLOSSARY", "PieceSet", "clips", "compare", "comparison_table", "count_wins",
           "describe", "drift", "impossible_durations", "noise_like", "novelty", "scorecard",
           "scorecards"]  # fmt: skip

"""Is it music? The front door to the instruments that judge pieces, and sets of pieces.

`statistics` and `form` describe one piece; `overlaps`, `fidelity` and `comparison` compare sets;
`novelty` finds copies; `longform` follows a song over 200 measures; `clipping` cuts clips that may
fairly be compared; `targets` puts all of it in one table, `league` several writers in one.
"""

from .clipping import clips, noise_like
from .comparison import compare
from .league import league_table, standings
from .longform import drift, long_form
from .novelty import novelty
from .overlaps import PieceSet
from .statistics import GLOSSARY, describe
from .table import Table
from .targets import scorecard, scorecards

__all__ = ["GLOSSARY", "PieceSet", "Table", "clips", "compare", "describe", "drift",
           "league_table", "long_form", "noise_like", "novelty", "scorecard", "scorecards",
           "standings"]  # fmt: skip

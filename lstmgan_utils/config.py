"""All settings of a model and its training, as data: four presets and the first try."""

import dataclasses
import json

from .pianoroll import RESOLUTION

LATENT_SIZE = RESOLUTION  # random values a beat: one a time step, 19,200 in 200 measures of 4/4
MAX_PAIRS = LATENT_SIZE // 2  # two decisions a pair of pitch and pattern


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of networks, losses and training; times in measures of 4/4.

    Introduced in lesson 05.
    """

    model: str = "lstmgan"  # or "first_try", the description taken literally
    measures: int = 8  # length of the rolls that the discriminator sees
    n_words: int = 2048  # beats in the generator's vocabulary
    embedding: int = 96  # numbers that describe a word
    units: int = 192  # of each of the two LSTM layers
    filters: tuple = (64, 96, 128, 192)  # of the discriminator's strided convolutions
    loss: str = "relativistic"  # or "cross_entropy"
    penalty: float = 0.5  # twice the weight of R1 + R2
    softness: float = 0.5  # temperature of the softmax behind the straight-through choice
    warm_up_steps: int = 2400  # likelihood steps before the adversary joins
    adversarial_steps: int = 600
    warm_up_beats: int = 64  # of each section of a tune that the warm-up reads, at most 64
    dropout: float = 0.25
    free_bits: float = 0.1  # nats a song latent value may carry unpunished
    likelihood_weight: float = 0.2  # of the warm-up's loss while the adversary plays
    batch_size: int = 32
    warm_up_learning_rate: float = 2e-3
    g_learning_rate: float = 2e-4
    d_learning_rate: float = 1e-3
    average_decay: float = 0.995  # of the running average of the weights that samples use
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "filters", tuple(self.filters))
        for name, choices in (
            ("model", ("lstmgan", "first_try")),
            ("loss", ("relativistic", "cross_entropy")),
        ):
            if getattr(self, name) not in choices:
                found = getattr(self, name)
                raise ValueError(f"{name}={found!r} is unknown; choose from {choices}")

    def to_json(self):
        """Write the settings as a JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text):
        """Read settings back; keys of another version raise a ValueError that names them."""
        found = json.loads(text)
        unknown = set(found) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"settings {sorted(unknown)} are unknown here; train the run anew")
        return cls(**found)


@dataclasses.dataclass(frozen=True)
class PairConfig:
    """Settings of the generator, the discriminator and their training.

    Introduced in lesson 05.
    """

    n_patterns: int = 256
    pairs: int = 5  # most (pitch, pattern) pairs a beat, up to 12
    embedding: int = 96  # numbers that describe a pair
    units: int = 224  # of each time LSTM
    pitch_units: int = 160
    copying: bool = True  # copy logits
    repeat_flags: bool = True
    intervals: bool = True  # pitches are also scored by how far they are from others
    measures: int = 8  # length of the rolls that the discriminator sees
    filters: tuple = (64, 96, 128, 192)
    penalty: float = 0.5  # twice the weight of R1 + R2
    warm_up_steps: int = 2400  # likelihood steps before the adversary joins
    adversarial_steps: int = 600
    warm_up_beats: int = 64
    dropout: float = 0.2
    likelihood_weight: float = 0.2
    batch_size: int = 32
    warm_up_learning_rate: float = 4e-3
    g_learning_rate: float = 2e-4
    d_learning_rate: float = 1e-3
    average_decay: float = 0.995
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "filters", tuple(self.filters))
        if not 1 <= self.pairs <= MAX_PAIRS:
            raise ValueError(f"pairs={self.pairs} is not 1 to {MAX_PAIRS}; choose one that is")


PRESETS = {
    "smoke": Config(
        measures=2, n_words=256, embedding=16, units=16, filters=(8, 8, 8, 8), warm_up_steps=10,
        adversarial_steps=10, warm_up_beats=32, batch_size=4,
    ),
    "laptop": Config(),
    "colab": Config(batch_size=64, units=256),
    "full": Config(measures=200, batch_size=8),
    "first_try": Config(
        model="first_try", measures=200, units=128, loss="cross_entropy", penalty=0.0,
        warm_up_steps=0, batch_size=2, g_learning_rate=1e-3, d_learning_rate=1e-3,
    ),
}  # fmt: skip

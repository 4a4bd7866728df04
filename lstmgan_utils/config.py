"""All settings of a model and its training, as data, and presets of them."""

import dataclasses

from .pianoroll import RESOLUTION

LATENT_SIZE = RESOLUTION  # random values a beat: one a time step, 19,200 in 200 measures of 4/4
MAX_PAIRS = LATENT_SIZE // 2  # two random values choose a pair: its pitch and its pattern
CHOICES = {"model": ("lstmgan", "first_try"), "loss": ("relativistic", "cross_entropy")}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of networks, losses and training; times in measures of 4/4."""

    model: str = "lstmgan"  # or "first_try", the description taken literally
    measures: int = 8  # length of the rolls that the discriminator sees
    n_patterns: int = 256  # rhythm patterns in the vocabulary, at most
    max_pairs: int | None = None  # (pitch, pattern) pairs a beat, 1 to 12; None: what songs need
    embedding: int = 96  # numbers that describe a pair
    units: int = 224  # of each of the two time LSTM layers
    pitch_units: int = 160  # of the pitch LSTM
    copying: bool = True  # copy logits
    rhythms: bool = True  # patterns are also copied by their place in the beat, at any pitch
    harmonies: bool = True  # pitch classes are also copied, in any octave
    repeat_flags: bool = True
    intervals: bool = True  # pitches are also scored by their distance from others
    filters: tuple = (64, 96, 128, 192)  # of the discriminator's strided convolutions
    loss: str = "relativistic"  # or "cross_entropy"
    penalty: float = 0.5  # twice the weight of R1 + R2
    pretraining_steps: int = 3000  # of likelihood, before the adversary joins
    adversarial_steps: int = 1000
    pretraining_beats: int = 64  # of each section that pretraining reads, at most 64
    dropout: float = 0.2
    likelihood_weight: float = 0.2  # of pretraining's loss during adversarial training
    batch_size: int = 32
    pretraining_rate: float = 4e-3  # Adam's learning rate at first, then a cosine down to 2 %
    g_learning_rate: float = 2e-4
    d_learning_rate: float = 1e-3
    ema_decay: float = 0.995  # of the moving average of the weights that samples use
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "filters", tuple(self.filters))
        for name, choices in CHOICES.items():
            if (found := getattr(self, name)) not in choices:
                raise ValueError(f"{name}={found!r} is unknown; choose from {choices}")
        if self.max_pairs is not None and not 1 <= self.max_pairs <= MAX_PAIRS:
            raise ValueError(f"max_pairs={self.max_pairs} is not 1 to {MAX_PAIRS}")


PRESETS = {
    "smoke": Config(
        measures=2, n_patterns=64, embedding=16, units=16, pitch_units=16, filters=(8, 8, 8, 8),
        pretraining_steps=10, adversarial_steps=10, pretraining_beats=32, batch_size=4,
    ),
    "laptop": Config(),
    "colab": Config(batch_size=64, units=256),
    "full": Config(measures=200, batch_size=8),
    "first_try": Config(
        model="first_try", measures=200, units=128, loss="cross_entropy", penalty=0.0,
        pretraining_steps=0, batch_size=2, g_learning_rate=1e-3, d_learning_rate=1e-3,
    ),
}  # fmt: skip

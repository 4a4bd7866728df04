"""The two phases of training the pair generator.

First *likelihood pretraining*: the generator predicts each next decision of real music, given the
true ones before it (teacher forcing). Then *adversarial training*: it plays freely, the
discriminator scores its rolls, and it learns to be taken for real, while the likelihood's loss
goes on beside (likelihood regularisation).
"""

import keras
import tensorflow as tf

from .config import LATENT_SIZE
from .discriminator import build_discriminator
from .gan import ADVERSARIAL, WARM_UP, gradient_penalty, real_score, relativistic_losses
from .pair_generator import N_BLANKS, NOTHING, PairGenerator
from .pianoroll import RESOLUTION
from .vocabulary import METRES


def cross_entropy(decisions, end):
    """Add up the cross-entropies, in nats, of all decisions.

    Args:
        decisions: from `PairGenerator.score_along`.
        end: int, the token END, which has no pattern.

    Returns:
        scalar.

    Introduced in lesson 06.
    """
    token, scores = decisions["token"], decisions["pattern_scores"]
    pitch, pattern = token // scores.shape[-1], token % scores.shape[-1]
    surprise = tf.nn.sparse_softmax_cross_entropy_with_logits
    patterns = tf.where(token < end, surprise(pattern, scores), 0)
    return tf.reduce_sum(surprise(pitch, decisions["pitch_scores"])) + tf.reduce_sum(patterns)


class PairGAN(keras.Model):
    """Generator, its moving average, discriminator, and a training step.

    Args:
        config: PairConfig.
        vocabulary: tokens.Vocabulary.

    Introduced in lesson 06.
    """

    def __init__(self, config, vocabulary):
        super().__init__(name="lstmgan")
        self.config, self.vocabulary = config, vocabulary
        self.generator = PairGenerator(config, vocabulary)
        self.average = PairGenerator(config, vocabulary)  # exponential moving average, for samples
        self.discriminator = build_discriminator(config)
        logits = self.discriminator.get_layer("logits").output
        self.judge = keras.Model(self.discriminator.input, logits, name="judge")
        self.average.set_weights(self.generator.get_weights())
        self.n_batches = self.add_weight(
            shape=(), dtype="int64", initializer="zeros", trainable=False, name="n_batches",
            aggregation="only_first_replica",
        )  # fmt: skip
        self.phase = self.phase_of(0)
        self.built = True

    def compile(self, **kwargs):
        """Make the optimizers: one for pretraining, one for each network of the game."""
        config, adam = self.config, keras.optimizers.Adam
        rate = keras.optimizers.schedules.CosineDecay(
            config.warm_up_learning_rate, max(config.warm_up_steps, 1), alpha=0.02
        )
        self.warm_up_optimizer = adam(rate, clipnorm=1.0 / self._n_devices)
        self.g_optimizer = adam(config.g_learning_rate, beta_1=0.0, beta_2=0.99)
        self.d_optimizer = adam(config.d_learning_rate, beta_1=0.0, beta_2=0.99)
        for optimizer, network in (
            (self.warm_up_optimizer, self.generator), (self.g_optimizer, self.generator),
            (self.d_optimizer, self.discriminator),
        ):  # fmt: skip
            optimizer.build(network.trainable_variables)
        super().compile(self.g_optimizer, jit_compile=kwargs.pop("jit_compile", False), **kwargs)

    def phase_of(self, number):
        """Name the phase in which batch `number` is learned."""
        return WARM_UP if number < self.config.warm_up_steps else ADVERSARIAL

    def enter(self, phase):
        """Change the phase of training; `fit` compiles its step anew."""
        if phase not in (WARM_UP, ADVERSARIAL):
            raise ValueError(f"phase {phase!r} is unknown; choose {WARM_UP!r} or {ADVERSARIAL!r}")
        self.phase, self.train_function = phase, None

    def score(self, rolls):
        """Return the log odds of "real", shape (batch,), of rolls, shape (batch, time, 128)."""
        return real_score(self.judge(rolls, training=True))

    def train_step(self, data):
        """Learn from one batch of `pair_windows.training_batches`; returns the losses."""
        rolls, *music = data
        if self.phase == WARM_UP:
            losses = self._warm_up_step(music)
        else:
            losses = self._adversarial_step(tf.cast(rolls, tf.float32), music)
        self._follow_average()
        self.n_batches.assign_add(1)
        return losses

    def likelihood(self, tokens, before, metres, lengths, dropout=0.0):
        """Cross-entropy of real music in nats a beat: scalar."""
        found = self.generator.score_along(
            tokens, before, metres, lengths, dropout, self._draw_seed(self.config.seed)
        )
        n_beats = tf.reduce_sum(tf.cast(tokens[..., 0] >= 0, tf.float32))
        return cross_entropy(found, self.vocabulary.end) / n_beats

    def _warm_up_step(self, music):
        with tf.GradientTape() as tape:
            nats = self.likelihood(*music, self.config.dropout)
            loss = nats / self._n_devices
        norm = self._apply(tape, loss, self.generator, self.warm_up_optimizer)
        return {"nats": nats, "generator_gradient": norm}

    def _adversarial_step(self, real, music):
        config, size, n_beats = self.config, real.shape[0], real.shape[1] // RESOLUTION
        latents = self.draw((size, n_beats, LATENT_SIZE), 2)
        played = tf.ensure_shape(
            self.generator.play(latents, ending=False), (size, n_beats, config.pairs)
        )
        blank = tf.fill((size, N_BLANKS, config.pairs), NOTHING)
        metres, lengths = tf.fill([size], METRES.index("4/4")), tf.fill([size], -1)
        with tf.GradientTape(persistent=True) as tape:
            decisions = self.generator.score_along(played, blank, metres, lengths)
            fake = self.generator.rolls_along(decisions, size, n_beats)
            d_loss, g_loss = relativistic_losses(self.score(real), self.score(fake))
            some = max(1, size // 4)  # a quarter of the batch costs a quarter
            penalty = gradient_penalty(self.score, real[:some])
            penalty += gradient_penalty(self.score, tf.stop_gradient(fake)[:some])
            nats = self.likelihood(*music, config.dropout)
            d_total = (d_loss + config.penalty / 2 * penalty) / self._n_devices
            g_total = (g_loss + config.likelihood_weight * nats) / self._n_devices
        norms = [
            self._apply(tape, d_total, self.discriminator, self.d_optimizer),
            self._apply(tape, g_total, self.generator, self.g_optimizer),
        ]
        return {"d_loss": d_loss, "g_loss": g_loss, "fill": tf.reduce_mean(fake), "nats": nats,
                "penalty": penalty, "discriminator_gradient": norms[0],
                "generator_gradient": norms[1]}  # fmt: skip

    def _apply(self, tape, loss, network, optimizer):
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)
        return self._n_devices * tf.linalg.global_norm(gradients)

    @property
    def _n_devices(self):
        return tf.distribute.get_strategy().num_replicas_in_sync

    def _draw_seed(self, first):
        """Make a pair of seeds that depends on `first`, the device and the batch number alone."""
        device = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.stack([first + 2**40 * tf.cast(device, tf.int64), self.n_batches.value])

    def draw(self, shape, purpose):
        """Draw normal numbers that depend on seed, purpose, device and batch number alone."""
        return tf.random.stateless_normal(shape, self._draw_seed(16 * self.config.seed + purpose))

    def _follow_average(self):
        # Early on the average would only remember the start: its memory grows with the run.
        n = tf.cast(self.n_batches, tf.float32)
        decay = tf.minimum(self.config.average_decay, (1 + n) / (10 + n))

        def follow(strategy, decay):  # once for all devices
            decay = strategy.experimental_local_results(decay)[0]
            pairs = self.average.trainable_variables, self.generator.trainable_variables
            for slow, fast in zip(*pairs, strict=True):
                strategy.extended.update(
                    slow.value, lambda slow, fast: slow.assign(decay * slow + (1 - decay) * fast),
                    args=(fast.value,),
                )  # fmt: skip

        tf.distribute.get_replica_context().merge_call(follow, args=(decay,))

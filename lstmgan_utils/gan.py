"""The game: a generator that learns tunes, then plays against a discriminator.

Training has two phases. In the *warm-up* the generator predicts the next beat of real tunes
(likelihood). In the *adversarial* phase it plays freely, its rolls are judged by the
discriminator, and it learns to be judged real; the warm-up's loss goes on beside it, as an anchor.
"""

from pathlib import Path

import keras
import tensorflow as tf

from . import runs
from .config import LATENT_SIZE
from .discriminator import GENERATED, REAL, build_discriminator
from .generator import Encoder, build_generator
from .pianoroll import RESOLUTION

WARM_UP, ADVERSARIAL = "warm-up", "adversarial"


def real_score(logits):
    """Turn two logits into the log odds of "real": log softmax(real) - log softmax(generated).

    Introduced in lesson 04.
    """
    return logits[:, REAL] - logits[:, GENERATED]


def cross_entropy_losses(real, fake):
    """Score both players by softmax cross-entropy, as in the first GANs.

    Args:
        real, fake: float tensors, shape (batch,), log odds of "real".

    Returns:
        (discriminator loss, generator loss), two scalars (Goodfellow et al. 2014, the
        non-saturating form).

    Introduced in lesson 04.
    """
    d_loss = tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))
    return d_loss / 2, tf.reduce_mean(tf.nn.softplus(-fake))


def relativistic_losses(real, fake):
    """Score both players by comparing a generated roll with a real one.

    Args:
        real, fake: float tensors, shape (batch,), log odds of "real".

    Returns:
        (discriminator loss, generator loss), two scalars (Jolicoeur-Martineau 2018; Huang et
        al. 2024, "R3GAN"); log 2 = 0.69 each when neither wins.

    Introduced in lesson 06.
    """
    margin = real - fake
    return tf.reduce_mean(tf.nn.softplus(-margin)), tf.reduce_mean(tf.nn.softplus(margin))


LOSSES = {"cross_entropy": cross_entropy_losses, "relativistic": relativistic_losses}


def gradient_penalty(score, rolls):
    """Measure how steep the discriminator is: the mean squared gradient of its score.

    Args:
        score: callable, rolls to log odds, shape (batch,).
        rolls: float tensor, shape (batch, time, 128).

    Returns:
        scalar: R1 on real rolls, R2 on generated ones (Mescheder et al. 2018).

    Introduced in lesson 06.
    """
    with tf.GradientTape() as tape:
        tape.watch(rolls)
        total = tf.reduce_sum(score(rolls))
    gradient = tape.gradient(total, rolls)
    return tf.reduce_mean(tf.reduce_sum(tf.square(gradient), axis=(1, 2)))


def likelihood_loss(scores, words):
    """Average the surprise, in nats, at the true next word; -1 after a tune's end does not count.

    Args:
        scores: float tensor, shape (batch, beats, words).
        words: int tensor, shape (batch, beats).

    Returns:
        scalar.

    Introduced in lesson 06.
    """
    mask = tf.cast(words >= 0, tf.float32)
    surprise = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(words, 0), scores)
    return tf.reduce_sum(surprise * mask) / tf.reduce_sum(mask)


def song_cost(mean, log_variance, free_bits):
    """Price what the song latent tells about a tune: KL divergence from a standard normal.

    Args:
        mean, log_variance: float tensors, shape (batch, 24).
        free_bits: float, nats a value that cost nothing (Kingma et al. 2016).

    Returns:
        scalar, nats a tune.

    Introduced in lesson 06.
    """
    nats = 0.5 * (tf.square(mean) + tf.exp(log_variance) - 1 - log_variance)
    return tf.reduce_sum(tf.maximum(tf.reduce_mean(nats, axis=0), free_bits))


class LSTMGAN(keras.Model):
    """Generator, discriminator and the rules of their game, for `fit`.

    Args:
        config: Config.
        vocabulary: Vocabulary; None for the first try.

    Introduced in lesson 06.
    """

    def __init__(self, config, vocabulary=None):
        super().__init__(name="lstmgan")
        self.config, self.vocabulary = config, vocabulary
        self.generator = build_generator(config, vocabulary)
        self.average = build_generator(config, vocabulary)  # running average, used for samples
        self.discriminator = build_discriminator(config)
        logits = self.discriminator.get_layer("logits").output
        self.judge = keras.Model(self.discriminator.input, logits, name="judge")
        self.encoder = Encoder(config) if vocabulary is not None else None
        self.average.set_weights(self.generator.get_weights())
        self.n_batches = self.add_weight(
            shape=(), dtype="int64", initializer="zeros", trainable=False, name="n_batches",
            aggregation="only_first_replica",
        )  # fmt: skip
        self.phase = self.phase_of(0)
        self.built = True

    def compile(self, **kwargs):
        """Make the optimizers that the configuration asks for; keyword arguments go to Keras."""
        config = self.config
        self.g_optimizer = keras.optimizers.Adam(config.g_learning_rate, 0.0, 0.99)
        self.d_optimizer = keras.optimizers.Adam(config.d_learning_rate, 0.0, 0.99)
        self.g_optimizer.build(self.generator.trainable_variables)
        self.d_optimizer.build(self.discriminator.trainable_variables)
        if self.encoder is not None:
            self.warm_up_optimizer = keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(
                    config.warm_up_learning_rate, max(config.warm_up_steps, 1), alpha=0.05
                ),
                clipnorm=1.0 / self._n_devices,  # each device clips its own share
            )
            self.warm_up_optimizer.build(self._warm_up_variables)
        # Keras would make one of its own, unused.
        super().compile(self.g_optimizer, jit_compile=kwargs.pop("jit_compile", False), **kwargs)

    @property
    def _warm_up_variables(self):
        return self.generator.trainable_variables + self.encoder.trainable_variables

    def score(self, rolls):
        """Return the log odds of "real", shape (batch,), of rolls, shape (batch, time, 128)."""
        return real_score(self.judge(rolls, training=True))

    def phase_of(self, number):
        """Tell in which phase batch `number` is learned."""
        warm = self.vocabulary is not None and number < self.config.warm_up_steps
        return WARM_UP if warm else ADVERSARIAL

    def enter(self, phase):
        """Change the phase of training; `fit` compiles its step anew."""
        if phase not in (WARM_UP, ADVERSARIAL):
            raise ValueError(f"phase {phase!r} is unknown; choose {WARM_UP!r} or {ADVERSARIAL!r}")
        self.phase, self.train_function = phase, None

    def train_step(self, data):
        """Learn from one batch of `training_batches`, or of rolls alone for the first try.

        Returns:
            dict of the losses of this very batch: a mean over an epoch would differ after a resume.
        """
        rolls, *tunes = data if isinstance(data, tuple) else (data,)
        if self.phase == WARM_UP:
            losses = self._warm_up_step(tunes)
        else:
            losses = self._adversarial_step(tf.cast(rolls, tf.float32), tunes)
        self._follow_average()
        self.n_batches.assign_add(1)
        return losses

    def draw_seed(self, first):
        """Make a pair of seeds that depends on `first`, the device and the batch number alone."""
        device = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.stack([first + 2**40 * tf.cast(device, tf.int64), self.n_batches.value])

    def draw(self, shape, purpose):
        """Draw normal numbers that depend on seed, purpose, device and batch number alone."""
        return tf.random.stateless_normal(shape, self.draw_seed(16 * self.config.seed + purpose))

    def _likelihood(self, words, before, metres, lengths):
        """Run the generator along real tunes; return (loss in nats a beat, song cost)."""
        batch, n_beats = words.shape
        mask = tf.cast(words >= 0, tf.float32)
        meanings = tf.gather(self.generator.embedding, tf.maximum(words, 0))
        mean, log_variance = self.encoder(meanings, mask)
        song = mean + tf.exp(log_variance / 2) * self.draw((batch, LATENT_SIZE), 0)
        latent = self.draw((batch, n_beats, LATENT_SIZE), 1)
        seed = self.draw_seed(self.config.seed)
        scores = self.generator.teacher_forced(
            words, before, metres, lengths, song, latent, self.config.dropout, seed
        )
        cost = song_cost(mean, log_variance, self.config.free_bits)
        return likelihood_loss(scores, words), cost / tf.reduce_mean(tf.reduce_sum(mask, axis=1))

    def _warm_up_step(self, tunes):
        with tf.GradientTape() as tape:
            surprise, cost = self._likelihood(*tunes)
            loss = (surprise + cost) / self._n_devices
        variables = self._warm_up_variables
        gradients = tape.gradient(loss, variables)
        self.warm_up_optimizer.apply(gradients, variables)
        norm = self._n_devices * tf.linalg.global_norm(gradients)
        return {"surprise": surprise, "song_cost": cost, "generator_gradient": norm}

    def _adversarial_step(self, real, tunes):
        config = self.config
        latent = self.draw((real.shape[0], real.shape[1] // RESOLUTION, LATENT_SIZE), 2)
        given = [latent]
        if self.vocabulary is not None:  # what is played needs no gradient: see Generator.play
            given.append(self.generator.play_words(latent, ending=False))
        with tf.GradientTape(persistent=True) as tape:
            fake = self.generator(*given, training=True)
            d_loss, g_loss = self.judge_players(real, fake)
            d_total, g_total, logs = d_loss, g_loss, {}
            if config.penalty:
                some = max(1, real.shape[0] // 4)  # a quarter of the batch costs a quarter
                penalty = self.penalize(real[:some], tf.stop_gradient(fake)[:some])
                d_total += config.penalty / 2 * penalty
                logs["penalty"] = penalty
            if config.likelihood_weight and tunes:
                surprise, _ = self._likelihood(*tunes)
                g_total += config.likelihood_weight * surprise
                logs["surprise"] = surprise
            d_total, g_total = d_total / self._n_devices, g_total / self._n_devices
        for loss, network, optimizer in (
            (d_total, self.discriminator, self.d_optimizer),
            (g_total, self.generator, self.g_optimizer),
        ):
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply(gradients, network.trainable_variables)
            norm = self._n_devices * tf.linalg.global_norm(gradients)
            logs[f"{network.name}_gradient"] = norm
        return {"d_loss": d_loss, "g_loss": g_loss, "fill": tf.reduce_mean(fake), **logs}

    def judge_players(self, real, fake):
        """Return (discriminator loss, generator loss) for rolls, shape (batch, time, 128)."""
        return LOSSES[self.config.loss](self.score(real), self.score(fake))

    def penalize(self, real, fake):
        """Return what a steep discriminator pays on these rolls: R1 + R2."""
        return gradient_penalty(self.score, real) + gradient_penalty(self.score, fake)

    @property
    def _n_devices(self):
        """Number of devices that share a batch: optimizers add up what each of them learned."""
        return tf.distribute.get_strategy().num_replicas_in_sync

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

    def save_run(self, run_folder):
        """Save the whole state in a run folder, and settings and vocabulary where they are not yet.

        Returns:
            Path of the weights file.
        """
        if not (Path(run_folder) / "config.json").is_file():
            runs.write_config(run_folder, self.config, self.vocabulary)
        path = Path(run_folder) / "weights" / f"step_{int(self.n_batches.numpy()):06d}.weights.h5"
        runs.write_weights(self, path)
        return path


def load_training(run_folder):
    """Load a training run as it was last saved, ready to train on.

    Args:
        run_folder: str or Path.

    Returns:
        LSTMGAN, compiled, in the phase in which it was saved.

    Raises:
        FileNotFoundError: the folder holds no run, or no save yet.
        ValueError: the newest save is damaged or of another configuration.

    Introduced in lesson 06.
    """
    model = LSTMGAN(*runs.read_config(run_folder))
    model.compile()
    found = runs.saves(run_folder)
    if not found:
        raise FileNotFoundError(f"{run_folder} holds no save yet; train on to the first one")
    runs.read_weights(model, found[-1][1])
    model.enter(model.phase_of(int(model.n_batches.numpy())))
    return model

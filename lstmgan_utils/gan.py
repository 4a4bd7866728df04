"""The GAN: the losses of generator and discriminator, and a training step of both phases.

First *likelihood pretraining*: the generator predicts each next decision of real music, given the
true ones before it (teacher forcing). Then *adversarial training*: it samples freely, the
discriminator scores its rolls, and it learns to pass for real, while the likelihood's loss goes
on beside (likelihood regularisation).
"""

from pathlib import Path

import keras
import tensorflow as tf

from . import runs
from .config import LATENT_SIZE
from .discriminator import GENERATED, REAL, build_discriminator
from .generator import build_generator
from .pianoroll import N_PITCHES, RESOLUTION
from .vocabulary import METRES
from .windows import N_BLANKS, NOTHING

PRETRAINING, ADVERSARIAL = "pretraining", "adversarial"


def real_score(logits):
    """Return the log odds of "real", shape (batch,), of logits, shape (batch, 2).

    They are log softmax(real) - log softmax(generated). Introduced in lesson 04.
    """
    return logits[:, REAL] - logits[:, GENERATED]


def cross_entropy_losses(real, fake):
    """Compute the losses of both networks by cross-entropy, as in the first GANs.

    `real` and `fake` are log odds of "real", shape (batch,). Returns two scalars: discriminator's
    and generator's loss (Goodfellow et al. 2014, non-saturating). Introduced in lesson 04.
    """
    d_loss = tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))
    return d_loss / 2, tf.reduce_mean(tf.nn.softplus(-fake))


def relativistic_losses(real, fake):
    """Compute the losses of both networks by comparing a generated roll with a real one.

    `real` and `fake` are log odds of "real", shape (batch,). Returns two scalars: discriminator's
    and generator's loss, log 2 = 0.69 each when neither wins (Jolicoeur-Martineau 2018; Huang et
    al. 2024, "R3GAN"). Introduced in lesson 07.
    """
    margin = real - fake
    return tf.reduce_mean(tf.nn.softplus(-margin)), tf.reduce_mean(tf.nn.softplus(margin))


LOSSES = {"cross_entropy": cross_entropy_losses, "relativistic": relativistic_losses}


def gradient_penalty(score, rolls):
    """Compute how steep a score is on rolls, shape (batch, time, 128): its mean squared gradient.

    The scalar is R1 on real rolls, R2 on generated ones (Mescheder et al. 2018); `score` turns
    rolls into log odds, shape (batch,). Introduced in lesson 07.
    """
    with tf.GradientTape() as tape:
        tape.watch(rolls)
        total = tf.reduce_sum(score(rolls))
    gradient = tape.gradient(total, rolls)
    return tf.reduce_mean(tf.reduce_sum(tf.square(gradient), axis=(1, 2)))


def decision_cross_entropy(decisions, end):
    """Compute the sum of the cross-entropies, in nats, of all decisions of `score_along`: scalar.

    `end` is the token END, which has no pattern. Introduced in lesson 08.
    """
    token, logits = decisions["token"], decisions["pattern_logits"]
    pitch, pattern = token // logits.shape[-1], token % logits.shape[-1]
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
    patterns = tf.where(token < end, cross_entropy(pattern, logits), 0)
    return tf.reduce_sum(cross_entropy(pitch, decisions["pitch_logits"])) + tf.reduce_sum(patterns)


class LSTMGAN(keras.Model):
    """Generator, its moving average, discriminator, and a training step, for `fit`.

    The first try has no vocabulary. Introduced in lesson 08.
    """

    def __init__(self, config, vocabulary=None):
        super().__init__(name="lstmgan")
        self.config, self.vocabulary = config, vocabulary
        self.generator = build_generator(config, vocabulary)
        self.ema = build_generator(config, vocabulary)  # exponential moving average, for samples
        self.discriminator = build_discriminator(config)
        logits = self.discriminator.get_layer("logits").output
        self.to_logits = keras.Model(self.discriminator.input, logits, name="to_logits")
        self.ema.set_weights(self.generator.get_weights())
        count = {"dtype": "int64", "trainable": False, "aggregation": "only_first_replica"}
        self.n_batches = self.add_weight(shape=(), initializer="zeros", name="n_batches", **count)
        self.phase = self.phase_of(0)
        self.built = True

    def compile(self):
        """Make the optimizers that the configuration asks for."""
        config, adam = self.config, keras.optimizers.Adam
        rate = keras.optimizers.schedules.CosineDecay(
            config.pretraining_rate, max(config.pretraining_steps, 1), alpha=0.02
        )
        # Each device clips its own share.
        self.pretraining_optimizer = adam(rate, clipnorm=1.0 / self._n_devices)
        self.g_optimizer = adam(config.g_learning_rate, beta_1=0.0, beta_2=0.99)
        self.d_optimizer = adam(config.d_learning_rate, beta_1=0.0, beta_2=0.99)
        for optimizer in (self.pretraining_optimizer, self.g_optimizer):
            optimizer.build(self.generator.trainable_variables)
        self.d_optimizer.build(self.discriminator.trainable_variables)
        # Keras would make one of its own, unused.
        super().compile(self.g_optimizer, jit_compile=False)

    def score(self, rolls):
        """Return the log odds of "real", shape (batch,), of rolls, shape (batch, time, 128)."""
        return real_score(self.to_logits(rolls, training=True))

    def phase_of(self, number):
        """Return the phase in which batch `number` is learned."""
        first = self.vocabulary is not None and number < self.config.pretraining_steps
        return PRETRAINING if first else ADVERSARIAL

    def enter(self, phase):
        """Change the phase of training; `fit` compiles its step anew."""
        self.phase, self.train_function = phase, None

    def train_step(self, data):
        """Learn from one batch of `training_batches`, or of rolls alone for the first try.

        Returns:
            dict of the losses of this very batch: a mean over an epoch would differ after a resume.
        """
        rolls, *music = data if isinstance(data, tuple) else (data,)
        if self.phase == PRETRAINING:
            losses = self._pretraining_step(music)
        else:
            losses = self._adversarial_step(tf.cast(rolls, tf.float32), music)
        self._follow_average()
        self.n_batches.assign_add(1)
        return losses

    def cross_entropy(self, tokens, before, metres, lengths, dropout=0.0):
        """Compute the cross-entropy of real music, in nats a beat: scalar."""
        seed = self._draw_seed(self.config.seed)
        found = self.generator.score_along(tokens, before, metres, lengths, dropout, seed)
        n_beats = tf.reduce_sum(tf.cast(tokens[..., 0] >= 0, tf.float32))
        return decision_cross_entropy(found, self.vocabulary.end) / n_beats

    def _pretraining_step(self, music):
        with tf.GradientTape() as tape:
            cross_entropy = self.cross_entropy(*music, self.config.dropout)
            loss = cross_entropy / self._n_devices
        norm = self._apply(tape, loss, self.generator, self.pretraining_optimizer)
        return {"cross_entropy": cross_entropy, "generator_gradient": norm}

    def _adversarial_step(self, real, music):
        sampled, logs = self._sample_without_gradients(real), {}
        with tf.GradientTape(persistent=True) as tape:
            fake = self.rolls_of(sampled)
            d_loss, g_loss = LOSSES[self.config.loss](self.score(real), self.score(fake))
            d_total, g_total = d_loss, g_loss
            if self.config.penalty:
                some = max(1, real.shape[0] // 4)  # a quarter of the batch costs a quarter
                r1 = gradient_penalty(self.score, real[:some])
                r2 = gradient_penalty(self.score, tf.stop_gradient(fake)[:some])
                logs["penalty"] = r1 + r2
                d_total += self.config.penalty / 2 * logs["penalty"]
            if music and self.config.likelihood_weight:
                logs["cross_entropy"] = self.cross_entropy(*music, self.config.dropout)
                g_total += self.config.likelihood_weight * logs["cross_entropy"]
            d_total, g_total = d_total / self._n_devices, g_total / self._n_devices
        judge, optimizer = self.discriminator, self.d_optimizer
        logs["discriminator_gradient"] = self._apply(tape, d_total, judge, optimizer)
        logs["generator_gradient"] = self._apply(tape, g_total, self.generator, self.g_optimizer)
        return {"d_loss": d_loss, "g_loss": g_loss, "fill": tf.reduce_mean(fake), **logs}

    def _sample_without_gradients(self, real):
        """Draw latents and sample tokens along them; the first try has none to sample."""
        size, n_beats = real.shape[0], real.shape[1] // RESOLUTION
        latents = self.draw((size, n_beats, LATENT_SIZE), 2)
        if self.vocabulary is None:
            return latents
        tokens = self.generator.generate(latents, ending=False)
        return tf.ensure_shape(tokens, (size, n_beats, self.config.max_pairs))

    def rolls_of(self, sampled):
        """Return generated rolls, shape (batch, time, 128), with gradients to the generator."""
        if self.vocabulary is None:
            return self.generator(sampled, training=True)
        size, n_beats, pairs = sampled.shape
        section = min(n_beats, N_BLANKS)  # memory restarts, the second of two can look back
        n = -(-n_beats // section)
        rows = tf.pad(sampled, [[0, 0], [0, n * section - n_beats], [0, 0]], "CONSTANT", NOTHING)
        rows = tf.reshape(rows, (size, n, section, pairs))
        before = tf.fill((size, n, N_BLANKS, pairs), NOTHING)
        if n > 1:
            is_second = (tf.range(n) % 2 == 1)[:, None, None]
            before = tf.where(is_second, tf.roll(rows, 1, axis=1), before)
        decisions = self.generator.score_along(
            tf.reshape(rows, (size * n, section, pairs)),
            tf.reshape(before, (size * n, N_BLANKS, pairs)),
            tf.fill([size * n], METRES.index("4/4")),
            tf.fill([size * n], -1),
        )
        rolls = self.generator.rolls_along(decisions, size * n, section)
        return tf.reshape(rolls, (size, -1, N_PITCHES))[:, : n_beats * RESOLUTION]

    def _apply(self, tape, loss, network, optimizer):
        """Take one step of an optimizer; return the norm of the gradient."""
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)
        return self._n_devices * tf.linalg.global_norm(gradients)

    @property
    def _n_devices(self):
        """Number of devices that share a batch: optimizers add up what each of them learned."""
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
        decay = tf.minimum(self.config.ema_decay, (1 + n) / (10 + n))

        def follow(strategy, decay):  # once for all devices
            decay = strategy.experimental_local_results(decay)[0]

            def step(slow, fast):
                slow.assign(decay * slow + (1 - decay) * fast)

            pairs = self.ema.trainable_variables, self.generator.trainable_variables
            for slow, fast in zip(*pairs, strict=True):
                strategy.extended.update(slow.value, step, args=(fast.value,))

        tf.distribute.get_replica_context().merge_call(follow, args=(decay,))

    def save_run(self, run_folder):
        """Save the whole state in a run folder, and config.json where it is missing."""
        if not (Path(run_folder) / "config.json").is_file():
            runs.write_config(run_folder, self.config, self.vocabulary)
        name = f"step_{int(self.n_batches.numpy()):06d}.weights.h5"
        runs.write_weights(self, Path(run_folder) / "weights" / name)


def load_training(run_folder, number=None):
    """Load a training run, ready to train on: LSTMGAN, compiled, in the phase of the save.

    `number` is the batch of the save to load; None for the newest.

    Raises:
        FileNotFoundError: the folder holds no run, or no such save.
        ValueError: the save is damaged or of another configuration.
    """
    model = LSTMGAN(*runs.read_config(run_folder))
    model.compile()
    found = dict(runs.saves(run_folder))
    number = max(found, default=None) if number is None else number
    if number not in found:
        raise FileNotFoundError(f"{run_folder} holds no such save; it has {sorted(found)}")
    runs.read_weights(model, found[number])
    model.enter(model.phase_of(int(model.n_batches.numpy())))
    return model

"""Reusable code of the LSTM-GAN course; import its rooms by name."""

__version__ = "0.1.0"

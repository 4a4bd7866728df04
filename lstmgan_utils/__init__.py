"""Reusable code of the LSTM-GAN course; import its modules by name."""

__version__ = "0.1.0"

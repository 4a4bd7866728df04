"""Reusable code of the LSTM-GAN course; import the rooms by name (`from lstmgan_utils import …`)."""

__version__ = "0.1.0"

"""Fit a bundle to a new microscope, from a few labelled cells (docs/adapt.md)."""

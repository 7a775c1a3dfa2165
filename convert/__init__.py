"""Turn trained networks into bundles: one self-describing .tflite each. Needs the extra `train`."""

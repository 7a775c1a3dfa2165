"""Distillation: learning from what other networks answer beside the labels (Hinton et al. 2015, arXiv:1503.02531)."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Lesson:
    """What teachers say of each image: `probabilities` float32 [n, classes], softened by `temperature`, their mean.

    `weights` float32 [n] is what part of the loss that is, 0 where no teacher says anything.
    """

    probabilities: tf.Tensor
    weights: tf.Tensor
    temperature: float

    def mix(self, by_label: tf.Tensor, logits: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        """The loss by the labels, float32 [b, towers], with the part of it that is agreement with the teachers.

        That is the cross-entropy of both sides softened, times the square of the temperature, by which it keeps its
        weight in the gradient whatever that is (section 2).

        Args:
            by_label: the loss of each tower and image without teachers.
            logits: float32 [b, towers, classes], the prior left in.
            images: int64 [b], their numbers.
        """
        wanted = tf.gather(self.probabilities, images)[:, tf.newaxis]
        agreed = -tf.reduce_sum(wanted * tf.nn.log_softmax(logits / self.temperature), axis=2)
        weight = tf.gather(self.weights, images)[:, tf.newaxis]
        return (1 - weight) * by_label + weight * self.temperature**2 * agreed

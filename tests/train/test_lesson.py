import numpy as np
import pytest
import tensorflow as tf

from train.lesson import Lesson


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_loss_is_labels_and_softened_teachers(weight):
    random = np.random.default_rng(0)
    said, logits, labels = softmax(random.normal(size=(9, 4))), random.normal(size=(3, 2, 4)), random.random((3, 2))
    lesson = Lesson(tf.constant(said, tf.float32), weights=tf.fill((len(said),), weight), temperature=3.0)
    images = np.array([4, 0, 8])
    found = lesson.mix(tf.constant(labels, tf.float32), tf.constant(logits, tf.float32), tf.constant(images))
    agreed = -(said[images][:, np.newaxis] * np.log(softmax(logits / 3))).sum(axis=2)
    # float32 against float64, numbers of some units.
    assert found.numpy() == pytest.approx((1 - weight) * labels + weight * 9 * agreed, rel=1e-5)


def test_a_student_that_agrees_has_nothing_to_learn():
    logits = tf.constant(np.random.default_rng(0).normal(size=(5, 1, 4)), tf.float32)
    lesson = Lesson(tf.nn.softmax(logits[:, 0] / 2), weights=tf.ones(len(logits)), temperature=2.0)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(lesson.mix(tf.zeros((5, 1)), logits, tf.range(5)))
    assert tape.gradient(loss, logits).numpy() == pytest.approx(np.zeros((5, 1, 4)), abs=1e-6)


def test_where_no_teacher_says_anything_the_label_alone_counts():
    by_label, logits = tf.constant([[0.5], [0.25]]), tf.constant([[[3.0, 0.0]], [[3.0, 0.0]]])
    lesson = Lesson(tf.constant([[0.0, 0.0], [0.5, 0.5]]), weights=tf.constant([0.0, 0.5]), temperature=2.0)
    mixed = lesson.mix(by_label, logits, tf.constant([0, 1], tf.int64)).numpy()
    assert mixed[0] == pytest.approx(0.5)
    assert mixed[1] != pytest.approx(0.25, abs=0.1)

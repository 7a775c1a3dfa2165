from benchmarks import picture, subject


def test_says_what_is_measured(bundle):
    made = subject.load(bundle, role="int8", picture=picture.generate())
    about = made.about("invoke")
    assert (about["stage"], about["role"], about["variant"]) == ("invoke", "int8", "int8_ptq")
    assert about["input_px"] == [12, 16]
    assert about["model_sha256"] == made.classifier.digest
    assert about["training_seed"] is None


def test_a_model_in_the_wrong_role_is_refused(bundle, float_bundle, refused):
    for model, role in ((bundle, "float32"), (float_bundle, "int8")):
        with refused(f"variant {role}"):
            subject.load(model, role=role, picture=picture.generate())

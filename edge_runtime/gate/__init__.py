"""The accuracy-regression gate: compare a candidate's EvalReport with a reference's under a policy.

Both models saw the same images, so that rates are compared in pairs; images of one source cell are no independent
evidence, so that intervals are resampled by source. What the data cannot tell is called INCONCLUSIVE (docs/gate.md).
"""

from edge_runtime.gate.estimates import OVERALL
from edge_runtime.gate.judgement import assert_no_regression, judge, read_latency_ms
from edge_runtime.gate.policy import Policy, load_policy
from edge_runtime.gate.terminal import table
from edge_runtime.gate.verdict import FAIL, INCONCLUSIVE, PASS, Behind, Rule, Verdict

__all__ = [
    "FAIL",
    "INCONCLUSIVE",
    "OVERALL",
    "PASS",
    "Behind",
    "Policy",
    "Rule",
    "Verdict",
    "assert_no_regression",
    "judge",
    "load_policy",
    "read_latency_ms",
    "table",
]

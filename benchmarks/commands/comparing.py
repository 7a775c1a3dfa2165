"""Compare runs of the suite, and show by simulation how often that errs."""

import argparse

from benchmarks.commands import PROG, count, output, page, publish, say, seed, settle
from edge_runtime.command import DONE, Parser, note


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    compare = commands.add_parser("compare", help="is one run slower than another, and how sure is that?")
    compare.add_argument("old", metavar="OLD.json", help="what `python -m benchmarks run` wrote")
    compare.add_argument("new", metavar="NEW.json", help="the same, later or of other models")
    compare.add_argument(
        "--fail-if-slower",
        type=float,
        metavar="PERCENT",
        help="status 1 where a slowdown beyond that is shown, or NEW lacks what OLD has",
    )
    compare.add_argument("--json", metavar="FILE", help="write the lines there as well")
    compare.set_defaults(call=_compare)

    noise = commands.add_parser("noise", help="keep the noise of a run of one model, for `error-rates`")
    noise.add_argument(
        "run", metavar="RUN.json", help="a run of many repetitions (`run --bundle MODEL --repetitions 24`)"
    )
    noise.add_argument("--out", required=True, metavar="FILE.npz")
    noise.set_defaults(call=_noise)

    rates = commands.add_parser("error-rates", help="simulate how often comparisons err (minutes)")
    rates.add_argument("--noise", metavar="FILE.npz", help="default: the one in the checkout")
    rates.add_argument("--repeats", type=count, default=100, metavar="N", help="draw each case so often (default: 100)")
    rates.add_argument("--seed", type=seed, default=1)
    rates.add_argument("--out", required=True, type=output, metavar="FILE.json")
    rates.add_argument("--readme", type=page("error-rates"), metavar="FILE", help="update its figure `error-rates`")
    rates.set_defaults(call=_error_rates)

    workload = commands.add_parser("workload", help="write the network of the reference workload")
    workload.add_argument("--out", required=True, metavar="FILE.tflite")
    workload.set_defaults(call=_workload)


def _compare(args: argparse.Namespace) -> int:
    """Compare; status 1 where something is shown to be slower by more than allowed, or was not measured anew."""
    from benchmarks import comparison, verdicts
    from benchmarks.latency import load_suite
    from edge_runtime.files import write_json

    limit = verdicts.limit(args.fail_if_slower)
    old, new = load_suite(args.old), load_suite(args.new)
    differences = comparison.compare(old, new)
    if args.json:
        write_json(args.json, {"schema_version": 1, "differences": [each.to_json() for each in differences]})
    say(verdicts.to_markdown(differences))
    for caveat in verdicts.caveats(old, new):
        note(PROG, caveat)
    return settle([*verdicts.too_slow(differences, limit), *verdicts.unjudged(old, new, limit)])


def _noise(args: argparse.Namespace) -> int:
    """Keep the noise."""
    from benchmarks import noise
    from benchmarks.latency import load_suite

    noise.save(noise.keep(load_suite(args.run)), args.out)
    print(args.out)
    return DONE


def _error_rates(args: argparse.Namespace) -> int:
    """Simulate the errors."""
    from benchmarks import error_rates, noise
    from edge_runtime.files import write_json
    from edge_runtime.progress import progress

    recorded = noise.load(args.noise or noise.RECORDED)
    with progress("error rates") as advance:
        rates = error_rates.simulate(
            recorded, repetitions=(5, 10), repeats=args.repeats, seed=args.seed, advance=advance
        )
    write_json(args.out, error_rates.to_json(rates))
    text = error_rates.to_markdown(rates)
    publish(text, page=args.readme, name="error-rates")
    return DONE


def _workload(args: argparse.Namespace) -> int:
    """Write the network."""
    from benchmarks import workload_model
    from edge_runtime.files import write_atomic

    write_atomic(args.out, [workload_model.build()])
    print(args.out)
    return DONE

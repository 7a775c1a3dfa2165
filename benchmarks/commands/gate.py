"""Try the gate: damaged models through it, and its errors by simulation."""

import argparse

from benchmarks.commands import count, illustrated, output, page, publish, settle
from benchmarks.config import Settings
from edge_runtime.command import DONE, Parser


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    defaults = Settings()
    campaign = commands.add_parser(
        "mutations", help="damage a model in 200 ways, and see which the gate catches (minutes)"
    )
    campaign.add_argument("--model", default=str(defaults.int8_model), help="default: the shipped one")
    campaign.add_argument("--reference", required=True, metavar="EVAL.json", help="EvalReport to compare mutants with")
    campaign.add_argument("--data", required=True, metavar="DIR", help="data set whose TEST images are classified")
    campaign.add_argument("--groups", required=True, metavar="FILE.csv", help="which images show the same cell")
    campaign.add_argument("--out", required=True, type=output, metavar="FILE.json")
    campaign.add_argument("--per-kind", type=count, metavar="N", help="so many of each kind of damage only")
    campaign.add_argument("--readme", type=page("mutations"), metavar="FILE", help="update its figure `mutations`")
    campaign.set_defaults(call=_mutations)

    power = commands.add_parser("power", help="simulate how often the gate errs (minutes)")
    power.add_argument(
        "--out", required=True, type=illustrated, metavar="FILE.json", help="beside it, its curves as FILE.png"
    )
    power.add_argument("--repeats", type=count, default=200, metavar="N", help="draw each case so often (default: 200)")
    power.add_argument("--readme", type=page("power"), metavar="FILE", help="update its figure `power`")
    power.set_defaults(call=_power)

    mutant = commands.add_parser("mutant", help="write one damaged copy of a model")
    mutant.add_argument("--model", default=str(defaults.int8_model), help="default: the shipped one")
    mutant.add_argument("--name", help="one that `mutations` names (default: the last of those with a turned head)")
    mutant.add_argument("--out", required=True, metavar="MODEL")
    mutant.set_defaults(call=_mutant)


def _mutations(args: argparse.Namespace) -> int:
    """Run the campaign; status 1 when the gate let a mutant pass that loses too much, or failed one that does not."""
    from benchmarks import campaign, caught
    from edge_runtime.files import write_json
    from edge_runtime.progress import progress

    settings = campaign.Settings(
        model=args.model, reference=args.reference, data=args.data, groups=args.groups, per_kind=args.per_kind
    )
    with progress("mutations") as advance:
        trials = campaign.run(settings, advance=advance)
    write_json(args.out, campaign.to_json(settings, trials))
    text = caught.to_markdown(trials)
    publish(text, page=args.readme, name="mutations")
    return settle(
        f"{trial.name}: {trial.verdict}, though its worst figure is {trial.excess} beyond its limit"
        for trial in (*caught.missed(trials), *caught.accused(trials))
    )


def _power(args: argparse.Namespace) -> int:
    """Simulate the gate's errors."""
    from benchmarks import power
    from edge_runtime.files import write_json
    from edge_runtime.progress import progress

    settings = power.Settings(repeats=args.repeats)
    with progress("power") as advance:
        cases = power.simulate(settings, advance=advance)
    write_json(args.out, power.to_json(settings, cases))
    power.draw(cases, args.out.with_suffix(".png"), limit=settings.limit)
    text = power.to_markdown(cases, limit=settings.limit, repeats=settings.repeats)
    publish(text, page=args.readme, name="power")
    return DONE


def _mutant(args: argparse.Namespace) -> int:
    """Write a damaged copy."""
    from benchmarks import mutants
    from edge_runtime.files import write_atomic

    write_atomic(args.out, [mutants.bundle(args.model, mutants.find(args.model, args.name))])
    print(args.out)
    return DONE

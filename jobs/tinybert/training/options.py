"""Command line options that all training stages share."""

from __future__ import annotations

import argparse

from tinybert.models.config import PROFILES
from tinybert.stages.options import positive_int, probability


def training_parser(
    program: str,
    description: str,
    default_epochs: int | None,
    data_help: str = "TFRecords of tinybert.pretraining_data",
) -> argparse.ArgumentParser:
    """A parser with --data, --output, --profile and the options of the loop; the stage adds its own."""
    parser = argparse.ArgumentParser(
        prog=f"python -m tinybert.{program}",
        description=description,
        epilog="Ranks come from the environment (RANK_ID, RANK_SIZE, ...); started by hand, it trains alone.",
    )
    parser.add_argument("--data", required=True, metavar="DIR", help=data_help)
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="checkpoints and the final model go here"
    )
    parser.add_argument("--profile", choices=sorted(PROFILES), default="tiny", help="sizes (default: tiny)")
    parser.add_argument("--schema", metavar="FILE", help="schema.json of the data, if it is not in DIR")
    _add_training(parser.add_argument_group("training (defaults of the profile)"), default_epochs)
    _add_run(parser.add_argument_group("run"))
    return parser


def _add_training(group: argparse._ArgumentGroup, default_epochs: int) -> None:
    length = group.add_mutually_exclusive_group()
    length.add_argument("--steps", type=positive_int, metavar="N", help="optimiser steps to train in all")
    length.add_argument(
        "--epochs",
        type=positive_int,
        metavar="N",
        default=default_epochs,
        help="or epochs (default: %(default)s)",
    )
    group.add_argument("--batch-size", type=positive_int, metavar="N", help="samples of one rank and step")
    group.add_argument("--learning-rate", type=float, metavar="X", help="peak, after the warm-up")
    group.add_argument("--warmup-ratio", type=float, metavar="X", help="share of the steps that warm up")
    group.add_argument("--dropout", type=probability, metavar="X", help="of the network that is trained")
    group.add_argument("--seed", type=int, metavar="N", help="of weights, dropout and the order of the data")


def _add_run(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--resume", action="store_true", help="go on from the newest whole checkpoint, if any")
    group.add_argument("--log-every", type=positive_int, default=10, metavar="N", help="steps (default: 10)")
    group.add_argument(
        "--checkpoint-every", type=positive_int, default=100, metavar="N", help="steps (default: 100)"
    )
    group.add_argument(
        "--keep-checkpoints", type=_two_or_more, default=2, metavar="N", help="older ones go (default: 2)"
    )
    group.add_argument("--device", choices=("auto", "cpu", "ascend"), default="auto", help="default: auto")


def _two_or_more(text: str) -> int:
    value = positive_int(text)
    if value < 2:
        raise argparse.ArgumentTypeError(
            "must be 2 or more: the newest may be incomplete when a run is killed"
        )
    return value

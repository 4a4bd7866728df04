"""The tables of docs/results.md, from what `make bench` and `make weights` leave in results/."""

from pathlib import Path

import pandas as pd

from lstmgan_utils.evaluation.comparison import HEADLINES, real_scores


def result(name):
    """Read one of the tables that `make bench` and `make weights` leave."""
    path = Path(__file__).with_name("results") / f"{name}.csv"
    return pd.read_csv(path, index_col=0)


def score_table(kind):
    """Return the metrics with a target of shipped weights, before and after the adversary."""
    after = result(f"{kind}_adversarial")
    pretrained = result(f"{kind}_pretraining")["generated"]
    judged = after.assign(pretrained=pretrained, real=real_scores(after))
    judged = judged.rename(columns={"floor": "noise"})[judged["target"].notna()]
    return judged[["pretrained", "generated", "real", "noise", "target", "met"]]


def result_tables():
    """Return the tables of docs/results.md: dict of the place's name to DataFrame."""
    table = result("comparison")
    names = [name.removesuffix(" low") for name in table if name.endswith(" low")]
    return {
        "scores": score_table("folk"),
        "piano": score_table("piano"),
        "comparison": table[names].assign(real=real_scores(table)).loc[list(HEADLINES)],
        "drift": result("long_drift"),
        "form": result("long_form"),
        "blends": result("blends"),
    }
